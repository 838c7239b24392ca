const https = require("https");
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // expect: tls-verification-off
https.request({ host: "a", rejectUnauthorized: false }); // expect: tls-verification-off
