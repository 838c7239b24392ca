"""A server of MCP that plays what a test wants, over stdin and stdout or over HTTP.

Its one argument is a JSON table:
  era      "handshake" (the usual), "stateless", or a revision that nobody speaks
  silent   it does not answer questions that it does not know; mute: none at all; ends: nor lives
  tools    the names of the tools it has; "page" of them at a time
  http     what kind of answer it gives over HTTP, "json" or "sse"; without, it speaks over stdio
  sessions it keeps them, and loses the first one when it "loses" and then "stumbles" so often,
           is so often "deaf" to whoever has come again, or "dwells" over the handshake
  token    that of those whom it lets in; status: it lets nobody in
"""
import http.server
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
ALL = """echo count miscount fail refuse meta tell ask image garbage flood die stall pid input
    html other breaks drips snaps slips stray"""
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
    if name == "stray":
        for token in ({}, {"progressToken": "x"}, {"progressToken": 10 ** 6}):
            far = {**token, "progress": 1, "total": 1, "message": "astray"}
            tell({"method": "notifications/progress", "params": far})
        return text("told")
    if name == "slips":
        return text("it is " + WANTS["token"])
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


class Web(http.server.BaseHTTPRequestHandler):
    """Streamable HTTP: JSON or events, sessions that may be lost, streams that may break off."""

    protocol_version = "HTTP/1.1"
    sessions = {}
    kept = {}
    lost = []
    deaf = []
    called = threading.Event()

    def log_message(self, *_):
        pass

    def plain(self, status, text="", kind="text/plain", **headers):
        self.send_response(status)
        body = text.encode()
        fixed = {"content-type": kind, "content-length": str(len(body))}
        for name, value in {**fixed, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def refuses(self):
        """Whether the door is shut."""
        token = WANTS.get("token")
        if token and self.headers.get("authorization") != "Bearer " + token:
            self.plain(401, "who are you, " + str(self.headers.get("authorization")))
        elif WANTS.get("status"):
            self.plain(WANTS["status"], "not here", retry_after="7", location="http://127.0.0.1:1/")
        else:
            return False
        return True

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.refuses():
            return
        method = message.get("method", "")
        session = self.headers.get("mcp-session-id")
        write("posted", f"{method} {session} {self.headers.get('mcp-protocol-version')}")
        if method == "tools/call" and self.lost:
            self.called.set()
        if WANTS.get("sessions") and method != "initialize" and session not in self.sessions:
            self.plain(400 if session is None else 404, "no such session")
            return
        is_again = method == "notifications/initialized" and self.lost
        if is_again and len(self.deaf) < WANTS.get("deaf", 0):
            self.deaf.append(session)
            self.plain(500, "not yet")
            return
        if "id" not in message or not method:
            heard(message)
            self.plain(202)
            return
        if method == "initialize" and self.lost and WANTS.get("dwells"):
            write("dwelling", "yes")
            self.called.wait(0.5)
        if method == "initialize" and self.lost and len(self.lost) <= WANTS.get("stumbles", 0):
            self.lost.append(session)
            self.plain(500, "not yet")
            return
        if method == "tools/call" and WANTS.get("loses") and not self.lost:
            self.lost.append(session)
            self.sessions.clear()
            self.plain(404, "no such session")
            return
        said = {key: self.headers.get("mcp-" + key) for key in ("method", "name")}
        if ERA == "stateless" and (said["method"], said["name"]) != (method, name_of(message)):
            error = {"code": -32020, "message": "the headers say otherwise"}
            self.plain(400, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}),
                       "application/json")
            return
        extra = {}
        if WANTS.get("sessions") and method == "initialize":
            extra["mcp_session_id"] = f"s{len(self.sessions) + len(self.lost) + 1}"
            self.sessions[extra["mcp_session_id"]] = True
        self.give(message, extra)

    def give(self, message, extra):
        tool = message.get("params", {}).get("name")
        if tool == "html":
            self.plain(200, "<html>", "text/html")
        elif tool == "garbage":
            self.plain(200, "this is no message", "application/json")
        elif tool == "other":
            stray = {"jsonrpc": "2.0", "id": 10 ** 6, "result": {}}
            self.plain(200, json.dumps(stray), "application/json")
        elif WANTS["http"] == "json":
            found = json.dumps(answer(message, lambda _: None))
            if tool == "slips":
                found = found.replace("-", "\\u002d")
            self.plain(200, found, "application/json", **extra)
        else:
            self.stream(message, extra, tool)

    def stream(self, message, extra, tool):
        self.send_response(200)
        fixed = {"content-type": "text/event-stream", "connection": "close"}
        for name, value in {**fixed, **extra}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b": here we are\n\n")
        if tool in ("breaks", "drips"):
            self.breaks(message["id"], 7 if tool == "drips" else 0)
        elif tool != "snaps":
            self.event(answer(message, lambda it: self.event({"jsonrpc": "2.0", **it})))

    def breaks(self, number, more):
        """Breaks off, and does so again when it is taken up, as often as there is more."""
        at = f"at-{number}-{more}"
        self.kept[at] = (number, more)
        data = "" if more else "data:\n"
        self.wfile.write(f"id: {at}\n{data}\nretry: 1\n\n".encode())

    def event(self, message):
        self.wfile.write(f"event: message\ndata: {json.dumps(message)}\n\n".encode())
        self.wfile.flush()

    def do_GET(self):
        at = self.headers.get("last-event-id")
        if self.refuses():
            return
        if at not in self.kept:
            self.plain(405)
            return
        write("resumed", at)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        number, more = self.kept.pop(at)
        if more:
            self.breaks(number, more - 1)
        else:
            self.event({"jsonrpc": "2.0", "id": number, "result": text("whole")})

    def do_DELETE(self):
        write("deleted", str(self.headers.get("mcp-session-id")))
        self.plain(200)


def name_of(message):
    """What the header about the name must say."""
    return message["params"]["name"] if message["method"] == "tools/call" else None


def over_http():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", WANTS.get("port", 0)), Web)
    write("port", str(server.server_address[1]))
    server.serve_forever()


if __name__ == "__main__":
    over_http() if "http" in WANTS else over_stdio()
