"""A Langfuse for tests: a server on loopback that takes spans in OTLP's binary form, and tells them as plain values."""

from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from gzip import decompress
from json import loads
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.provider import ProviderServer, Received, provider_server

_PATH = "/api/public/otel/v1/traces"


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived: ids in hexadecimal, times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: int
    end: int
    status: int
    attributes: dict[str, Any]

    def json(self, name: str) -> Any:
        """What Langfuse's attribute of an observation holds."""
        return loads(self.attributes[f"langfuse.observation.{name}"])


class LangfuseServer:
    """What the test sees of it: ``server`` plans answers, ``spans`` are those of all requests."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server

    @property
    def url(self) -> str:
        return self.server.url

    def answer(self, *statuses: int) -> None:
        """Plan the next answers, the last of which is repeated, instead of what was planned."""
        self.server.forget_replies()
        for status in statuses:
            self.server.reply({}, status=status)

    def hang(self) -> None:
        """Take requests and never answer."""
        self.server.forget_replies()
        self.server.hang()

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The public and the secret key of each request."""
        sent = [request.headers["authorization"].removeprefix("Basic ") for request in self.server.requests]
        pairs = [b64decode(keys).decode().partition(":") for keys in sent]
        return [(public, secret) for public, _, secret in pairs]

    @property
    def spans(self) -> list[Span]:
        return [span for request in self.server.requests for span in _spans(request)]


def _spans(request: Received) -> Iterator[Span]:
    assert (request.method, request.path) == ("POST", _PATH)
    assert request.headers["content-type"] == "application/x-protobuf"
    body = decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    message = ExportTraceServiceRequest()
    message.ParseFromString(body)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.name,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code,
                    {pair.key: _value(pair.value) for pair in span.attributes},
                )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@contextmanager
def langfuse_server() -> Iterator[LangfuseServer]:
    with provider_server() as server:
        langfuse = LangfuseServer(server)
        langfuse.answer(200)
        yield langfuse


@pytest.fixture
def langfuse() -> Iterator[LangfuseServer]:
    """A Langfuse that takes everything."""
    with langfuse_server() as server:
        yield server


@pytest.fixture
def langfuses() -> Iterator[Callable[[], LangfuseServer]]:
    """As many of them as a test wants."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(langfuse_server())
