"""Makes ten calls that cost money, each once: kill it anywhere, it goes on where it was."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import majordomo


def pay(ledger, key, n):
    """Stands for an outside service that takes money: one line in the ledger is one payment."""
    with open(ledger, "a") as file:
        file.write(f"{key} call-{n}\n")
        file.flush()
        os.fsync(file.fileno())
    return n * n


@majordomo.serve("demo.ten_calls")
def ten_calls(cx, input):
    paid, calls = 0, input.get("calls", 10)
    for n in range(1, calls + 1):
        paid += cx.once(f"call-{n}", lambda: pay(input["ledger"], cx.key, n))
        cx.progress(n / calls, f"call {n} of {calls}")
        time.sleep(input.get("pause_ms", 0) / 1000)
    return {"calls": calls, "paid": paid}


majordomo.run()
