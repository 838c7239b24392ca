"""Makes any Python function an agent that Majordomo can kill, resume and supervise.

    @majordomo.serve("text.count")
    def count(cx, text):
        return len(text.split())

    majordomo.run()

No dependencies, Python 3.9 or later. Speaks the jsonl protocol, version 3 (docs/wire.md)."""
from __future__ import annotations
import itertools, json, os, queue, threading, time, traceback
from typing import Any, Callable, Optional

BEAT = 1000  # ms
_handlers: dict[str, Callable[[Context, Any], Any]] = {}

class Failure(Exception):
    """A task or a step failed. A handler that raises it says how its own task failed."""
    kind = "error"  # tried again, as the retry policy says
    def __init__(self, message: str, kind: str = "", retry_after_ms: Optional[int] = None, **_):
        super().__init__(message)
        self.kind, self.retry_after_ms = kind or type(self).kind, retry_after_ms
class Rejected(Failure): kind = "rejected"  # this input will never do: not tried again
class Overloaded(Failure): kind = "overloaded"  # not now: tried again after retry_after_ms
class Unknown(Failure): kind = "unknown"  # an attempt died in it: nobody knows whether it happened
class Cancelled(BaseException): kind = "cancelled"  # so `except Exception` lets it through

class Context:
    """One attempt at a task. `key` is the same on every attempt: hand it to outside services."""
    def __init__(self, wire: _Wire, task: str, token: str, attempt: int, run: str, key: str,
                 capability: str, **_later: Any):
        self.task, self.token, self.attempt, self.run, self.key = task, token, attempt, run, key
        self.capability, self._wire, self._cancelled = capability, wire, False
        self._steps, self._calls = set[str](), dict[int, "queue.SimpleQueue[Any]"]()
    def ask(self, capability: str, input: Any = None, *, step: Optional[str] = None) -> Any:
        """Has another agent do it; gives its output. After a crash it is not done again: asks for
        one capability are told apart by their order, or by the name `step`."""
        return self._call(type="ask", capability=capability, input=input, step=step)["value"]
    def once(self, step: str, fn: Callable[..., Any], *args: Any, on_unknown: str = "fail") -> Any:
        """Calls `fn(*args)` once in the life of the task and records its result, a JSON value. In
        `fn`, `cx.key` is the step's own key. If an attempt died in `fn`, nobody knows whether it
        happened: "retry" calls it (give the key on), "fail" raises Unknown, "ask_human" asks."""
        if step in self._steps or on_unknown not in ("retry", "fail", "ask_human"):
            raise ValueError(f"step {step!r} used twice, or unknown on_unknown {on_unknown!r}")
        self._steps.add(step)
        answer = self._call(type="once", step=step, on_unknown=on_unknown)
        if answer["answer"] == "ok": return answer["value"]
        task_key, self.key = self.key, answer["key"]
        try:
            value = json.loads(_line(it=fn(*args)))["it"]  # now what it will be after a crash
        except Exception as error:
            self._call(type="done", step=step, outcome="failed", failure=_failure(error))
            raise
        finally:
            self.key = task_key
        self._call(type="done", step=step, outcome="ok", value=value)
        return value

    def publish(self, subject: str, body: Any, schema: str = "Value", version: int = 1) -> Any:
        """Tells whoever listens now; gives how many queues took it and how many had no room:
        {"delivered": 1, "dropped": 0}, with nobody there 0 and 0. What it may not is a Failure."""
        said = dict(subject=subject, schema=schema, version=version, body=body)
        return self._call(type="publish", **said)["value"]

    def subscribe(self, subject: Optional[str] = None, within: Optional[float] = None,
                  **options: Any) -> Any:
        """Messages as they come, each a dict with `sender`, `subject`, `body` and more, until the
        task ends or none has come `within` seconds. Options: `group`, `queue`, `overflow`. Without
        a subject, what is said to everybody of the team and to the agent's role."""
        return self._hear(self._call(type="subscribe", subject=subject, **options)["id"], within)
    def _hear(self, id: int, within: Optional[float]) -> Any:
        try:
            while (message := self._calls[id].get(timeout=within))["type"] == "message":
                yield message
                self._say(type="taken", subscription=id)
        except queue.Empty: return
        finally:
            self._calls.pop(id) and self._say(type="unsubscribe", subscription=id)
    def progress(self, fraction: Optional[float] = None, message: str = "") -> None:
        self._say(type="progress", fraction=fraction, message=message)  # fraction: from 0 to 1
    def partial(self, output: Any) -> None:
        """What there is of the output so far, for whoever watches; it is kept nowhere."""
        self._wire.version >= 3 and self._say(type="partial", output=output)
    def write(self, piece: str, begins: bool = False) -> None:
        """More of a text, or the beginning of another, for whoever watches it being written."""
        self._wire.version >= 3 and self._say(type="text", piece=piece, begins=begins)
    def log(self, message: str, level: str = "info") -> None:
        self._say(type="log", level=level, message=message)  # debug, info, warn or error
    def _say(self, **message: Any) -> None:
        if self._cancelled: raise Cancelled
        self._wire.write(_line(token=self.token, **message))
    def _call(self, **message: Any) -> dict[str, Any]:
        id = next(self._wire.ids)
        self._calls[id] = box = queue.SimpleQueue[Any]()
        self._say(id=id, **message)
        answer = box.get()
        message["type"] == "subscribe" or self._calls.pop(id)
        if answer["type"] == "cancel": raise Cancelled
        if answer["answer"] == "unknown":
            raise Unknown(f"nobody knows whether step {message['step']!r} happened")
        if (answer["answer"], message["type"] == "done") != ("failed", False): return answer
        raise Failure(**answer["failure"])

class _Wire:
    """The two pipes: one thread reads, one beats, the main thread works."""
    def __init__(self) -> None:
        self.ids, self.lock, self.version = itertools.count(1), threading.Lock(), 1
        self.tasks, self.cx = queue.SimpleQueue[Any](), None  # type: Any, Optional[Context]
        self.lines, self.out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the pipes are ours alone: user code reads
        os.dup2(2, 1)  # nothing, and what it prints goes to stderr
    def write(self, line: bytes) -> None:
        with self.lock:  # threads write whole lines
            self.out.write(line)
            self.out.flush()
    def read(self) -> None:
        for message in map(json.loads, self.lines):
            type = message["type"]
            if type == "hello":
                self.version = min(3, message["version"])
                ready = dict(version=self.version, serves=[*_handlers])
                self.write(_line(type="ready", **ready, heartbeat_ms=BEAT))
            elif type == "task":
                input, self.cx = message.pop("input"), Context(self, **message)
                self.tasks.put((self.cx, input))
            elif type == "cancel" and self.cx and self.cx.token == message["token"]:
                self.cx._cancelled = True
                [box.put(message) for box in list(self.cx._calls.values())]
            elif self.cx:  # a reply, or what a subscription brings
                box = self.cx._calls.get(message.get("subscription", message.get("id")))
                box and box.put(message)
        os._exit(1) if self.cx else self.tasks.put(None)  # nobody is left to hear a result
    def beat(self) -> None:
        while not time.sleep(BEAT / 1000):
            self.cx and self.write(_line(type="heartbeat"))

def _line(**message: Any) -> bytes:
    return json.dumps(message, ensure_ascii=False, allow_nan=False).encode() + b"\n"
def _failure(error: BaseException) -> dict[str, Any]:
    name = "" if isinstance(error, Failure) else f"{type(error).__name__}: "
    told = f"{name}{error}".rstrip(": ").encode(errors="replace").decode()
    kind, later = getattr(error, "kind", "error"), getattr(error, "retry_after_ms", None)
    return dict(kind=kind, message=told, retry_after_ms=later)
def serve(capability: str) -> Callable[[Any], Any]:
    """Makes a function serve a capability: from a Context and the input it makes the output."""
    return lambda function: _handlers.setdefault(capability, function)

def run() -> None:
    """Serves until Majordomo says that no more tasks come: the last line of an agent's program."""
    wire = _Wire()
    [threading.Thread(target=loop, daemon=True).start() for loop in (wire.read, wire.beat)]
    for cx, input in iter(wire.tasks.get, None):
        try:
            line = _line(type="result", token=cx.token, output=_handlers[cx.capability](cx, input))
        except (Exception, Cancelled) as error:
            traceback.print_exc()
            line = _line(type="error", token=cx.token, **_failure(error))
        wire.cx = None  # before the line: the next task may follow it at once
        wire.write(line)
