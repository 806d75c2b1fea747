import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from threading import Event

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    CredentialRejected,
    DeadlineExceeded,
    InvalidRequest,
    MalformedAnswer,
    ProviderUnavailable,
    TenantLLMError,
)
from tenant_llm.domain.wire import QueryKey, WireRequest
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import ProviderServer
from tests.support.transport import KEY, OPEN, STRICT, soon, target
from tests.support.websocket import socket_server


def wire(url: str) -> WireRequest:
    return WireRequest(f"{url}/v2/x", json={"text": "ü"}, auth=QueryKey("key"), framing="websocket")


def heard(transport: HttpTransport, url: str, deadline: Deadline | None = None) -> list[str]:
    with transport.stream(wire(url), target(), deadline or soon()) as events:
        return [event.data for event in events]


def failure(transport: HttpTransport, talk: Callable[[ServerConnection], None]) -> TenantLLMError:
    with socket_server(talk) as url, pytest.raises(TenantLLMError) as caught:
        heard(transport, url)
    return caught.value


def test_the_wires_json_is_said_and_texts_come_back_until_the_provider_closes(transport: HttpTransport) -> None:
    received: list[object] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        received.extend([connection.request.path, json.loads(connection.recv())])
        connection.send("one")
        connection.ping()
        connection.send(["t", "w", "ö"])  # one message in three frames
        connection.send("")

    with socket_server(talk) as url:
        texts = heard(transport, url)

    assert received == [f"/v2/x?key={KEY}", {"text": "ü"}]
    assert texts == ["one", "twö", ""]


def test_leaving_early_closes_the_socket(transport: HttpTransport) -> None:
    closed = Event()

    def talk(connection: ServerConnection) -> None:
        connection.send("one")
        assert connection.recv()
        with pytest.raises(ConnectionClosed):
            connection.recv()
        closed.set()

    with socket_server(talk) as url, transport.stream(wire(url), target(), soon()) as events:
        first = next(events).data
    assert closed.wait(5)
    assert first == "one"


@pytest.mark.parametrize(
    ("talk", "kind", "message"),
    [
        (lambda connection: connection.send(b"\x00"), MalformedAnswer, "sent bytes over its WebSocket"),
        (lambda connection: connection.close(1011, "busy"), ProviderUnavailable, "closed its WebSocket: 1011 busy"),
        (lambda connection: connection.socket.close(), ProviderUnavailable, "broke"),
        (lambda connection: connection.socket.sendall(b"\xff\xff"), MalformedAnswer, "is not understood"),
    ],
    ids=["bytes", "closed", "broken off", "no frames"],
)
def test_a_socket_that_ends_badly_is_an_error_of_the_provider(
    transport: HttpTransport, talk: Callable[[ServerConnection], None], kind: type[TenantLLMError], message: str
) -> None:
    error = failure(transport, talk)

    assert type(error) is kind
    assert message in error.message


@pytest.mark.parametrize("texts", [["x" * 1200], ["x" * 600] * 4], ids=["one text", "all texts"])
def test_an_answer_is_bounded(texts: list[str]) -> None:
    def talk(connection: ServerConnection) -> None:
        for text in texts:
            connection.send(text)

    bounded = HttpTransport(replace(OPEN, max_answer_bytes=1000))
    with closing(bounded), socket_server(talk) as url, pytest.raises(MalformedAnswer, match=r"larger|not understood"):
        heard(bounded, url)


def test_a_silent_socket_ends_with_the_deadline(transport: HttpTransport) -> None:
    over = Event()

    def talk(_: ServerConnection) -> None:
        over.wait(10)

    with socket_server(talk) as url:
        with pytest.raises(DeadlineExceeded):
            heard(transport, url, Deadline.after(0.2))
        over.set()


def test_a_refused_handshake_is_what_its_status_means(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"message": "HMAC signature cannot be verified"}, status=401)

    with pytest.raises(CredentialRejected, match="HMAC signature"):
        heard(transport, provider.url)


def test_an_answer_that_opens_no_socket_is_malformed(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"hello": "there"})

    with pytest.raises(MalformedAnswer, match="status 200 and opened no WebSocket"):
        heard(transport, provider.url)


def test_a_private_address_is_not_dialled_for_a_socket_either() -> None:
    def talk(_: ServerConnection) -> None:
        raise AssertionError("nobody may call")

    with socket_server(talk) as url, closing(HttpTransport(STRICT)) as strict:
        with pytest.raises(InvalidRequest, match="https"):
            heard(strict, url)
        with pytest.raises(InvalidRequest, match="public address"):
            heard(strict, url.replace("http:", "https:"))
