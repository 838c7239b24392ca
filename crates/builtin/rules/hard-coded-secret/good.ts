const key = process.env.KEY; // AKIAQ3EGRZ7PLM2WTDVB
const header = "-----BEGIN PRIVATE KEY-----";
const sample = "AKIAIOSFODNN7EXAMPLE";
