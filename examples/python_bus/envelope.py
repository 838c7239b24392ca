"""Reads and writes the envelopes of Majordomo's bus in Python, with the `msgpack` package alone.

    "MJ"  version: one byte, 1  length of the header: 4 bytes, big-endian  header  body, to the end

Header and body are MessagePack. The header is a map by name, in which what is nothing is left out
and what is not known is passed over; the body is whatever its schema says. To route an envelope it
is enough to read the header.

    python3 envelope.py read HEX        what is in an envelope, as JSON
    python3 envelope.py demo            three envelopes, made from values
    python3 envelope.py again FOLDER    reads every FOLDER/*.hex, and writes its values again

A program that works on tasks needs none of this: it says and hears messages in JSON, by
clients/python/majordomo.py. Install `msgpack` as Debian's python3-msgpack, or with pip."""
from __future__ import annotations

import dataclasses
import json
import pathlib
import struct
import sys
from typing import Any, Optional

import msgpack

MAGIC, VERSION, HEADER_MAX_BYTES = b"MJ", 1, 8 * 1024
PREFIX = struct.Struct(">2sBI")


class NotAnEnvelope(ValueError):
    """Why these bytes are none."""


@dataclasses.dataclass
class Envelope:
    """A message. The fields of the header stand in the order in which Majordomo writes them."""

    id: bytes  # sixteen: whose process, and its how many-th, each 8 bytes, big-endian
    subject: str
    sender: str
    schema: dict[str, Any]  # {"name": "Finding", "version": 1}
    sent_at_ms: int
    correlation: Optional[str] = None
    causation: Optional[str] = None
    trace: Optional[str] = None
    ttl_ms: Optional[int] = None
    reply_to: Optional[str] = None
    attempt: Optional[dict[str, int]] = None  # {"task": 9, "token": 17}
    body: Any = None

    @staticmethod
    def decode(data: bytes) -> Envelope:
        """The envelope that these bytes are; NotAnEnvelope if they are none."""
        header, body = split(data)
        fields = {field.name for field in dataclasses.fields(Envelope)} - {"body"}
        try:
            read = msgpack.unpackb(header)
            known = {name: value for name, value in read.items() if name in fields}
            envelope = Envelope(**known)
        except Exception as why:  # msgpack raises a dozen kinds
            raise NotAnEnvelope(f"its header cannot be read: {why!r}") from why
        try:
            # A sender chooses no types: extensions are refused, but for times, which are msgpack's.
            envelope.body = msgpack.unpackb(body, ext_hook=no_extension, strict_map_key=False)
        except Exception as why:
            raise NotAnEnvelope(f"its body cannot be read: {why!r}") from why
        return envelope

    def encode(self) -> bytes:
        """The bytes, as Majordomo would write them."""
        fields = [field.name for field in dataclasses.fields(self) if field.name != "body"]
        values = {name: getattr(self, name) for name in fields}
        header = msgpack.packb({name: it for name, it in values.items() if it is not None})
        prefix = PREFIX.pack(MAGIC, VERSION, len(header))
        return prefix + header + msgpack.packb(self.body)


def split(data: bytes) -> tuple[bytes, bytes]:
    """Header and body, neither looked into: all that a router needs of the second."""
    if data[:2] != MAGIC:
        raise NotAnEnvelope('it does not begin with "MJ"')
    if len(data) < PREFIX.size:
        raise NotAnEnvelope("it ends before its header does")
    _, version, length = PREFIX.unpack_from(data)
    if version != VERSION:
        raise NotAnEnvelope(f"it is of version {version}, and {VERSION} is read here")
    if length > HEADER_MAX_BYTES:
        raise NotAnEnvelope(f"its header has {length} bytes; at most {HEADER_MAX_BYTES}")
    header, body = data[PREFIX.size:PREFIX.size + length], data[PREFIX.size + length:]
    if len(header) < length:
        raise NotAnEnvelope("it ends before its header does")
    return header, body


def no_extension(code: int, _data: bytes) -> Any:
    raise NotAnEnvelope(f"it has an extension, of type {code}")


def message_id(origin: int, number: int) -> bytes:
    """The number of a message, which no other has: draw the origin once in each process."""
    return struct.pack(">QQ", origin, number)


def demo() -> dict[str, Envelope]:
    """A message, a question that waits for its answer for half a minute, and the answer."""
    finding = {"file": "src/a.rs", "line": 300, "grave": True, "score": 0.5}
    origin = 0x0123456789ABCDEF
    about = dict(sender="critic", schema={"name": "Finding", "version": 1},
                 sent_at_ms=1_767_225_600_000, body=finding)
    bare = Envelope(id=message_id(origin, 42), subject="team.review.findings", **about)
    question = dataclasses.replace(bare, ttl_ms=30_000, reply_to="_inbox.ab.1")
    asked = f"{origin:016x}-42"
    answer = Envelope(id=message_id(origin, 43), subject=question.reply_to, correlation=asked,
                      causation=asked, **about)
    return {"bare": bare, "question": question, "answer": answer}


def main(words: list[str]) -> None:
    if words[:1] == ["demo"]:
        for name, envelope in demo().items():
            print(name, envelope.encode().hex())
    elif len(words) == 2 and words[0] == "again":
        for path in sorted(pathlib.Path(words[1]).glob("*.hex")):
            data = bytes.fromhex(path.read_text())
            print(path.name.split(".")[0], Envelope.decode(data).encode().hex())
    elif len(words) == 2 and words[0] == "read":
        envelope = dataclasses.asdict(Envelope.decode(bytes.fromhex(words[1])))
        print(json.dumps(envelope, indent=2, default=bytes.hex))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except NotAnEnvelope as why:
        sys.exit(f"not an envelope: {why}")
