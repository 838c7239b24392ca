import asyncio
import time

def wait():
    time.sleep(1)

async def poll(done):
    await asyncio.sleep(1)
    await asyncio.to_thread(time.sleep, 1)
    await asyncio.to_thread(lambda: time.sleep(1))
    time.sleep(0)

    def later():
        time.sleep(1)  # "time.sleep"
    return later
