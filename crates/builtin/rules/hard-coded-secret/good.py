import os

KEY = os.environ["KEY"]  # AKIAQ3EGRZ7PLM2WTDVB
SAMPLE = "AKIAIOSFODNN7EXAMPLE"
def connect():
    """Call it with AKIAQ3EGRZ7PLM2WTDVB or another key."""

HEADER = "-----BEGIN RSA PRIVATE KEY-----"
