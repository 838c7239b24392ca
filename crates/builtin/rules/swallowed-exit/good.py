import os

class Handle:
    def __del__(self):
        try:
            self.close()
        except:
            pass

def clean(paths, log):
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            pass
        try:
            os.remove(path)
        except Exception:
            pass
        try:
            os.rmdir(path)
        except:
            log.exception("cannot remove")
            raise
