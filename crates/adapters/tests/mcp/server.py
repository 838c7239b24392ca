"""A server of MCP that plays what a test wants, over stdin and stdout or over HTTP.

Its one argument is a JSON table:
  era      "handshake" (the usual), "stateless", or a revision that nobody speaks
  silent   it does not answer questions that it does not know; mute: none at all; ends: nor lives
  tools    the names of the tools it has; "page" of them at a time
  http     what kind of answer it gives over HTTP, "json" or "sse"; without, it speaks over stdio
"""
import json
import os
import queue
import sys
import threading

WANTS = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
ERA = WANTS.get("era", "handshake")
HERE = os.path.dirname(os.path.abspath(__file__))
STATELESS = "2026-07-28"
TEXT = {"type": "object", "properties": {"text": {"type": "string", "description": "What to say."}},
        "required": ["text"]}
SCHEMAS = {"echo": TEXT}
WORDS = {"type": "object", "properties": {"words": {"type": "integer"}}, "required": ["words"]}
OUTPUTS = {"count": WORDS, "miscount": WORDS}
ALL = "echo count miscount fail refuse meta tell ask image garbage flood die stall pid input"
TOOLS = WANTS.get("tools", ALL.split())
ANSWERS = {}
CALLED_OFF = {}


class Refused(Exception):
    """An error of the protocol."""

    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": data}


def write(name, text):
    """A file that the test waits for."""
    with open(os.path.join(HERE, name), "a") as file:
        file.write(text + "\n")


def result_of(method, params, number, tell):
    """The result of a request; what it tells before goes to `tell`."""
    if ERA == "stateless":
        spoken = params.get("_meta", {}).get("io.modelcontextprotocol/protocolVersion")
        if method == "initialize":
            raise Refused(-32601, "no handshake here")
        if spoken != STATELESS:
            raise Refused(-32022, "which revision?", {"supported": [STATELESS]})
        if method == "server/discover":
            return {"resultType": "complete", "supportedVersions": [STATELESS],
                    "capabilities": {"tools": {}}}
    elif method == "initialize":
        asked = params["protocolVersion"]
        spoken = asked if ERA == "handshake" else ERA
        return {"protocolVersion": spoken, "capabilities": {"tools": {}},
                "serverInfo": {"name": "played", "version": "1"}}
    if method == "ping":
        return {}
    if method == "tools/list":
        return listed(params.get("cursor"))
    if method == "tools/call":
        return called(params, number, tell)
    if WANTS.get("silent"):
        threading.Event().wait()
    raise Refused(-32601, "there is no " + method)


def listed(cursor):
    if not isinstance(TOOLS, list):
        raise Refused(-32603, "it went wrong")
    begin = int(cursor or 0)
    end = begin + WANTS.get("page", 100)
    tools = []
    for name in TOOLS[begin:end]:
        tool = {"name": name, "inputSchema": SCHEMAS.get(name, {"type": "object"}),
                "description": "Does " + name + "."}
        if name in OUTPUTS:
            tool["outputSchema"] = OUTPUTS[name]
        tools.append(tool)
    found = {"tools": tools}
    if end < len(TOOLS) or WANTS.get("endless"):
        found["nextCursor"] = str(0 if WANTS.get("endless") else end)
    return found


def text(*texts):
    return {"content": [{"type": "text", "text": it} for it in texts]}


def called(params, number, tell):
    name, given, meta = params["name"], params.get("arguments", {}), params.get("_meta", {})
    if name == "echo":
        return text(given["text"])
    if name == "count":
        words = len(given.get("text", "").split())
        return {**text(str(words)), "structuredContent": {"words": words}}
    if name == "miscount":
        return {**text("many"), "structuredContent": {"words": "many"}}
    if name == "fail":
        return {**text("the disk is full"), "isError": True}
    if name == "refuse":
        raise Refused(-32602, "the path is outside")
    if name == "meta":
        write("metas", json.dumps(meta))
        with open(os.path.join(HERE, "metas")) as file:
            tries = len(file.readlines())
        if tries <= WANTS.get("fails", 0):
            return {**text("not yet"), "isError": True}
        return {**text("meta"), "structuredContent": meta}
    if name == "tell":
        token = meta["progressToken"]
        for done in (1, 2):
            far = {"progressToken": token, "progress": done, "total": 4, "message": f"at {done}"}
            tell({"method": "notifications/progress", "params": far})
        tell({"method": "notifications/message", "params": {"level": "warning", "data": "a word"}})
        return text("told")
    if name == "ask":
        return text(json.dumps(asked("sampling/createMessage", tell)["error"]["code"]))
    if name == "image":
        image = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
        return {"content": [{"type": "text", "text": "see"}, image]}
    if name == "garbage":
        tell(None)
        return text("never")
    if name == "flood":
        return text("x" * given["bytes"])
    if name == "die":
        if os.path.exists(os.path.join(HERE, "dying")) and WANTS.get("dies"):
            return text("alive")
        write("dying", str(os.getpid()))
        sys.stderr.write("it all went wrong\n")
        sys.stderr.flush()
        os._exit(3)
    if name == "stall":
        CALLED_OFF[number] = threading.Event()
        write("stalled", str(number))
        CALLED_OFF[number].wait()
        return text("too late")
    if name == "pid":
        return text(str(os.getpid()))
    if name == "input":
        asks = {"who": {"method": "elicitation/create"}}
        return {"resultType": "input_required", "inputRequests": asks}
    raise Refused(-32602, "there is no tool " + name)


def asked(method, tell):
    """What we say to a request of the server's own."""
    ANSWERS["own"] = queue.Queue()
    tell({"id": "own", "method": method, "params": {}})
    return ANSWERS["own"].get()


def heard(message):
    """Takes in what needs no answer."""
    if "method" not in message:
        ANSWERS[message["id"]].put(message)
    elif message["method"] == "notifications/cancelled":
        number = message["params"]["requestId"]
        write("cancelled", str(number))
        if number in CALLED_OFF:
            CALLED_OFF[number].set()
    elif message["method"] == "notifications/initialized":
        write("initialized", "yes")


def answer(message, tell):
    try:
        found = result_of(message["method"], message.get("params", {}), message["id"], tell)
        return {"jsonrpc": "2.0", "id": message["id"], "result": found}
    except Refused as refused:
        return {"jsonrpc": "2.0", "id": message["id"], "error": refused.error}


def over_stdio():
    lock = threading.Lock()

    def say(message):
        with lock:
            text = "this is no message" if message is None else json.dumps(message)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def tell(message):
        say(message and {"jsonrpc": "2.0", **message})

    if WANTS.get("ends"):
        os._exit(4)
    for line in sys.stdin:
        message = json.loads(line)
        if WANTS.get("mute"):
            continue
        if "id" in message and "method" in message:
            work = threading.Thread(target=lambda it=message: say(answer(it, tell)), daemon=True)
            work.start()
        else:
            heard(message)
    write("closed", "yes")


if __name__ == "__main__":
    over_stdio()
