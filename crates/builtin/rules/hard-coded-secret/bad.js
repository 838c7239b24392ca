const key = "AKIAQ3EGRZ7PLM2WTDVB"; // expect: hard-coded-secret
/* expect: hard-coded-secret */ const pem = `-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAq8Zr0VtHc3n5YbXlQm2KpWsDf7GhJkLz
`;
