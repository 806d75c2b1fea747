"""WebSockets (https://www.rfc-editor.org/rfc/rfc6455), opened over the client that everything goes over.

So the guard, TLS, keys, retries and deadlines hold for them too. What goes over the socket is read and written by the
half of the ``websockets`` library that does no I/O.
"""

from collections.abc import Iterator
from dataclasses import replace

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side
from websockets.utils import accept_key, generate_key

from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.wire import ServerEvent, WireRequest
from tenant_llm.transport.answer import Answer
from tenant_llm.transport.request import encode

_KEY = "sec-websocket-key"
_READ = 64 * 1024
_GOOD = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD)


def opening(wire: WireRequest) -> WireRequest:
    """The request that asks for the socket; what the wire wants to say is said once it is open."""
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", _KEY: generate_key()}
    return replace(wire, method="GET", headers={**wire.headers, **headers}, json=None)


def texts(answer: Answer, wire: WireRequest) -> Iterator[ServerEvent]:
    """The texts that come back for the wire's ``json``, until the provider closes; pings are answered on the way.

    Raises:
        MalformedAnswer: When no socket was opened, more comes than an answer may have, or something that is no text.
        ProviderUnavailable: When the socket closes for another reason than that all is said.
        DeadlineExceeded: When it takes too long.
    """
    if answer.headers.get("sec-websocket-accept") != accept_key(answer.request_headers[_KEY]):
        raise MalformedAnswer(f"the provider answered with status {answer.status} and opened no WebSocket")
    message: list[bytes] = []
    for frame in _frames(answer, encode(wire.json or {})):
        if frame.opcode is Opcode.BINARY:
            raise MalformedAnswer("the provider sent bytes over its WebSocket where texts were expected")
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT):
            continue
        message.append(bytes(frame.data))
        if frame.fin:
            yield ServerEvent(b"".join(message).decode(errors="replace"))
            message.clear()


def _frames(answer: Answer, said: bytes) -> Iterator[Frame]:
    """What the provider sends after it was told something, until it closes."""
    protocol = Protocol(Side.CLIENT, max_size=answer.limit)
    protocol.send_text(said)
    size = 0
    while protocol.parser_exc is None and protocol.close_rcvd is None:
        answer.write(b"".join(protocol.data_to_send()))
        arrived = answer.read(_READ)
        size += len(arrived)
        if size > answer.limit:
            raise MalformedAnswer(f"the provider's answer is larger than {answer.limit} bytes")
        if arrived:
            protocol.receive_data(arrived)
        else:
            protocol.receive_eof()
        yield from (event for event in protocol.events_received() if isinstance(event, Frame))
    _refuse_bad_end(protocol)


def _refuse_bad_end(protocol: Protocol) -> None:
    if protocol.close_rcvd is None:
        if isinstance(protocol.parser_exc, EOFError):
            raise ProviderUnavailable("the provider broke its WebSocket off")
        raise MalformedAnswer(f"the provider's WebSocket is not understood: {protocol.parser_exc}")
    if protocol.close_rcvd.code not in _GOOD:
        said = f"{protocol.close_rcvd.code} {protocol.close_rcvd.reason}".strip()
        raise ProviderUnavailable(f"the provider closed its WebSocket: {said[:200]}")
