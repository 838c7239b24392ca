use std::process::Command;

pub fn unpack(archive: &str, command: &str) {
    Command::new("tar").arg("xf").arg(archive);
    Command::new("sh").arg("-c").arg("make all");
    Command::new("sh").arg("-c").arg(command);
    Command::new("echo").arg("-c").arg(format!("tar xf {archive}"));
    println!("Command::new(\"sh\").arg(\"-c\")");
}
