import requests
import subprocess
import time

async def poll(url, done):
    while not done():
        time.sleep(1)  # expect: blocking-in-async
    subprocess.run(["sync"])  # expect: blocking-in-async
    return requests.get(url)  # expect: blocking-in-async
