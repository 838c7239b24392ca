const { exec, execSync } = require("child_process");
const cp = require("child_process");

function clone(url, target) {
  execSync(`git clone ${url}`); // expect: shell-injection
  exec("rm -rf " + target, () => {}); // expect: shell-injection
  cp.exec(`ls ${target}`); // expect: shell-injection
}
