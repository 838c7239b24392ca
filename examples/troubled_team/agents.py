"""One of three agents in trouble: `agents.py crash`, `hang` or `slow`. Well after four tasks."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../clients/python"))
import majordomo

TROUBLE = sys.argv[1]


def in_trouble():
    """The first four times; counted in a file, because this process may not live to remember."""
    with open(f"{TROUBLE}.count", "a") as file:
        file.write("x")
        return file.tell() <= 4


@majordomo.serve("parcel.sort")
def sort(cx, parcel):
    if in_trouble():
        if TROUBLE == "crash":
            os._exit(3)
        if TROUBLE == "hang":
            time.sleep(3600)
        time.sleep(0.6)
    return parcel["postcode"] // 10_000


majordomo.run()
