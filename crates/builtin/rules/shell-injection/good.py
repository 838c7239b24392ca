import os
import shlex
import subprocess

TOOL = "tar"

def unpack(archive, command, pid):
    subprocess.run(["tar", "xf", archive], check=True)
    subprocess.run("make all", shell=True)
    subprocess.run(command, shell=True)
    os.system("tar xf " + shlex.quote(archive))
    os.system(f"{TOOL} --version")
    os.system("kill %d" % int(pid))
    subprocess.run(f"tar xf {archive}", shell=False)
    return 'os.system("tar xf " + archive)'
