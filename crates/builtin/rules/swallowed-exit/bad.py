import os

def clean(paths):
    for path in paths:
        try:
            os.remove(path)
        except:  # expect: swallowed-exit
            pass
    for path in paths:
        try:
            os.rmdir(path)
        except:  # expect: swallowed-exit
            continue
