"""Speech over a WebSocket: the function, the handshake with its signature, the ledger."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from threading import Event
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from tenant_llm import LLM4Tenant, bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tests.support.aws import Aws, add_tenant
from tests.support.functions import directly
from tests.support.websocket import socket_server

_ADDRESS = "xiaoyan@XunFei Spark"
_KEY = {"spark_app_id": "app", "spark_api_key": "key-of-acme", "spark_api_secret": "secret-of-acme"}


@contextmanager
def _speaker(bundle: Aws, talk: Callable[[ServerConnection], None]) -> Iterator[Callable[..., Any]]:
    """The function, for a tenant whose model is at a server that talks like that."""
    with socket_server(talk) as url:
        add_tenant(bundle.settings, "acme", _ADDRESS, ModelType.TTS, None, f"{url}/v2")
        SecretStore(bundle.settings, TenantRepository(bundle.settings)).put("acme", "XunFei Spark", _KEY)
        handler = import_module("functions.invoke_tts.handler").handler
        yield lambda **fields: directly(handler, {"tenant_id": "acme", "input": "Hello", **fields})


def _message(audio: bytes, status: int) -> str:
    data = {"audio": b64encode(audio).decode(), "status": status}
    return json.dumps({"code": 0, "message": "success", "sid": "s", "data": data})


def _booked() -> list[tuple[int, int, dict[str, float]]]:
    today = datetime.now(UTC).date()
    days = bootstrap.usage_repository().days("acme", today - timedelta(days=1), today)
    return [(day.calls, day.total_tokens, dict(day.native)) for day in days]


def test_speech_comes_over_a_socket_and_is_booked_once(bundle: Aws) -> None:
    asked: list[Any] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.extend([connection.request.path, json.loads(connection.recv())])
        connection.send(_message(b"\xff\xfb1", 1))
        connection.send(_message(b"\xff\xfb2", 2))
        connection.recv()  # the caller hangs up after the last piece

    with _speaker(bundle, talk) as speak:
        answer = speak()

    path, message = asked
    assert b64decode(answer["audio"]) == b"\xff\xfb1\xff\xfb2"
    assert path.startswith("/v2/tts?authorization=")
    assert "secret-of-acme" not in path + json.dumps(message)
    assert b64decode(message["data"]["text"]) == b"Hello"
    assert (message["common"], message["business"]["vcn"]) == ({"app_id": "app"}, "xiaoyan")
    assert _booked() == [(1, 2, {"characters": 5})]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([json.dumps({"code": 11200, "message": "no license", "data": None})], "credential_rejected_by_provider"),
        ([_message(b"\xff\xfb1", 1), json.dumps({"code": 11201, "message": "day"})], "provider_quota_exhausted"),
        ([_message(b"\xff\xfb1", 1)], "malformed_provider_answer"),
    ],
    ids=["refused", "failed on the way", "cut"],
)
def test_speech_that_was_not_delivered_is_not_booked(bundle: Aws, messages: list[str], code: str) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.recv()
        for message in messages:
            connection.send(message)

    with _speaker(bundle, talk) as speak:
        answer = speak()

    assert answer["error"]["code"] == code
    assert _booked() == [(0, 0, {})]  # an error


def test_speech_over_a_socket_is_heard_while_it_is_spoken(bundle: Aws) -> None:
    heard = Event()

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(_message(b"\xff\xfb1", 1))
        assert heard.wait(10)
        connection.send(_message(b"\xff\xfb2", 2))

    with _speaker(bundle, talk):
        stream = LLM4Tenant("acme", "tts").mdl.tts_stream("Hello")
        first = next(stream).audio
        heard.set()
        rest = list(stream)

    assert (first, rest[0].audio, stream.content_type) == (b"\xff\xfb1", b"\xff\xfb2", "audio/mpeg")
    assert _booked() == [(1, rest[-1].usage.total_tokens, {"characters": 5})]
