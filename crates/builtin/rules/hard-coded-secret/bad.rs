pub const KEY: &str = "AKIAQ3EGRZ7PLM2WTDVB"; // expect: hard-coded-secret
