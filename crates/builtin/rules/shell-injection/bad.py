import os
import subprocess
from subprocess import check_output

def unpack(archive, target):
    os.system("tar xf " + archive)  # expect: shell-injection
    subprocess.run(f"tar xf {archive}", shell=True, check=True)  # expect: shell-injection
    check_output("ls %s" % target, shell=True)  # expect: shell-injection
    return os.popen("du -s {}".format(target))  # expect: shell-injection
