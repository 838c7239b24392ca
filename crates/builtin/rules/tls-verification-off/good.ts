const https = require("https");
https.request({ host: "a", rejectUnauthorized: true });
if (insecure) https.request({ host: "a", rejectUnauthorized: false });
// rejectUnauthorized: false
log("rejectUnauthorized: false");
