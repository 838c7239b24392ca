const { exec, execFile } = require("child_process");
const BRANCH = "main";

function clone(url, pattern) {
  execFile("git", ["clone", url]);
  exec("git fetch");
  exec(`git checkout ${BRANCH}`);
  exec(command);
  pattern.exec(`git clone ${url}`);
  return "exec(`git clone ${url}`)";
}
