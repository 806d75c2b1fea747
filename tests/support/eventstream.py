"""AWS's binary framing, written: what a provider sends."""

import struct
from binascii import crc32
from collections.abc import Mapping
from json import dumps

from tenant_llm.domain.wire import Json


def message(payload: bytes, headers: Mapping[str, str | bytes]) -> bytes:
    """One message; a header that is bytes is taken as it is, type and value."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    body = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return body + struct.pack(">I", crc32(body))


def event(kind: str, data: Json) -> bytes:
    """An event with a JSON payload, as services send it."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message(dumps(data, ensure_ascii=False).encode(), headers)


def exception(kind: str, text: str) -> bytes:
    """An exception in the middle of a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(dumps({"message": text}).encode(), headers)


def _header(name: str, value: str | bytes) -> bytes:
    packed = value if isinstance(value, bytes) else b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
    return bytes([len(name)]) + name.encode() + packed
