use std::process::Command;

pub fn unpack(archive: &str, target: &str) {
    Command::new("sh").arg("-c").arg(format!("tar xf {archive}")); // expect: shell-injection
    Command::new("bash").args(["-c", &format!("cd {} && make", target)]); // expect: shell-injection
}
