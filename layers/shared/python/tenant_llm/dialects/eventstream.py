"""Bytes of a streamed answer in AWS's binary framing into events.

A message is a prelude (total length, length of the headers, CRC-32 of these eight bytes), the headers, the payload and
the CRC-32 of all before it, big-endian throughout:
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (event stream encoding),
https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

import struct
from binascii import crc32
from collections.abc import Iterable, Iterator
from json import dumps, loads

from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.wire import Json, ServerEvent

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LEAST = _PRELUDE.size + _CRC.size
_LONGEST = 24 * 1024 * 1024
"""More than any service sends: the documentation allows a payload of 16 MiB."""

_BYTES, _STRING = 6, 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Header type → bytes of its value; types 6 and 7 (bytes, string) say their own length."""


def events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events of a stream, however the bytes are cut into chunks: the payload as text, by its event type.

    An exception, or an error of the framing itself, is an event of that name whose data is
    ``{"error": {"type", "message"}}``.

    Raises:
        MalformedAnswer: When lengths or checksums are wrong.
        ProviderUnavailable: When the bytes end within a message.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while (length := _length(held)) and len(held) >= length:
            message = bytes(held[:length])
            del held[:length]
            yield _event(message)
    if held:
        raise ProviderUnavailable(f"the provider's stream ended early, {len(held)} bytes into a message")


def _length(held: bytearray) -> int:
    """The length of the message that begins here; 0 while its prelude is not all there."""
    if len(held) < _PRELUDE.size:
        return 0
    total, headers, checksum = _PRELUDE.unpack_from(held)
    if crc32(held[: _PRELUDE.size - _CRC.size]) != checksum:
        raise MalformedAnswer(f"the provider's stream is no event stream: it goes on with {bytes(held[:40])!r}")
    if not _LEAST + headers <= total <= _LONGEST:
        raise MalformedAnswer(f"the provider's stream has a message of {total} bytes with {headers} of headers")
    return int(total)


def _event(message: bytes) -> ServerEvent:
    _, size, _ = _PRELUDE.unpack_from(message)
    body, (checksum,) = message[: -_CRC.size], _CRC.unpack(message[-_CRC.size :])
    if crc32(body) != checksum:
        raise MalformedAnswer("a message of the provider's stream has a wrong checksum")
    end = _PRELUDE.size + size
    headers = _headers(body[_PRELUDE.size : end])
    payload = body[end:].decode(errors="replace")
    match headers.get(":message-type", "event"):
        case "exception":
            return _failure(headers.get(":exception-type", "exception"), payload)
        case "error":
            return _failure(headers.get(":error-code", "error"), headers.get(":error-message", payload))
    return ServerEvent(payload, headers.get(":event-type", ""))


def _headers(packed: bytes) -> dict[str, str]:
    """The headers that are strings: the ones that say what a message is."""
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(packed):
            end = place + 1 + packed[place]
            name, kind = packed[place + 1 : end].decode(), packed[end]
            place = end + 1
            if kind in (_BYTES, _STRING):
                size = int.from_bytes(packed[place : place + 2])
                place += 2
            else:
                size = _SIZES[kind]
            if kind == _STRING:
                found[name] = packed[place : place + size].decode()
            place += size
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise MalformedAnswer(f"a message of the provider's stream has broken headers: {packed[:80]!r}") from error
    return found


def _failure(kind: str, payload: str) -> ServerEvent:
    return ServerEvent(dumps({"error": {"type": kind, "message": _message(payload)}}, ensure_ascii=False), kind)


def _message(payload: str) -> str:
    """What an exception says: ``message`` in JSON, else the text itself."""
    try:
        body: Json = loads(payload)
    except (ValueError, RecursionError):
        return payload
    message = (body.get("message") or body.get("Message")) if isinstance(body, dict) else None
    return message if isinstance(message, str) else payload
