"""A proxy on a loopback port that fails as AWS and networks do."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, override
from urllib.parse import urlsplit

import pytest

from tests.support.aws import Aws, forget_everything


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request is not passed on; this is the answer."""

    status: int
    body: dict[str, Any]


class LostAnswer:
    """The request is carried out, and the connection breaks before its answer."""


class Silence:
    """The request is not passed on, and nothing is answered until the test ends."""


type Fault = Refusal | LostAnswer | Silence


def refusal(code: str, status: int = 400) -> Refusal:
    """AWS's error of that code."""
    return Refusal(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"})


def cancellation(*codes: str | None) -> Refusal:
    """A cancelled transaction, with a reason for each of its items."""
    body = refusal("TransactionCanceledException").body
    return Refusal(400, body | {"CancellationReasons": [{"Code": code or "None"} for code in codes]})


@dataclass
class Proxy:
    """Where it listens, what happens to the next requests of an operation, and the operations it has seen.

    ``weather`` tells what happens to a request for which nothing is planned.
    """

    url: str
    weather: Callable[[str], Fault | None] = lambda _: None
    planned: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    seen: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    over: Event = field(default_factory=Event)

    def plan(self, operation: str, faults: Sequence[Fault]) -> None:
        self.planned[operation].extend(faults)

    def next_fault(self, operation: str) -> Fault | None:
        with self.lock:
            self.seen.append(operation)
            return self.planned[operation].pop(0) if self.planned[operation] else self.weather(operation)


class PatientServer(ThreadingHTTPServer):
    """A server whose callers may be gone before they have their answer, which is no error."""

    daemon_threads = True
    request_queue_size = 64

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def faulty_proxy(endpoint: str) -> Iterator[Proxy]:
    """Passes requests on to ``endpoint``, but for the planned faults."""
    address = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together: apart, they wait 40 ms for each other

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = running.next_fault(self.headers.get("X-Amz-Target", "").partition(".")[2])
            if isinstance(fault, Refusal):
                self.answer(fault.status, json.dumps(fault.body).encode())
                return
            if isinstance(fault, Silence):
                running.over.wait()
            if running.over.is_set():  # whoever still tries is of a test that has ended
                self.close_connection = True
                return
            upstream = HTTPConnection(address, timeout=30)
            upstream.request("POST", self.path, body, dict(self.headers))
            response = upstream.getresponse()
            content = response.read()
            upstream.close()
            if isinstance(fault, LostAnswer):
                self.close_connection = True
            else:
                self.answer(response.status, content, response.headers["Content-Type"])

        def answer(self, status: int, content: bytes, kind: str = "application/x-amz-json-1.0") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = PatientServer(("127.0.0.1", 0), Handler)
    running = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What is built from now on talks to the embedded AWS through a proxy that can fail."""
    with faulty_proxy(aws.env["AWS_ENDPOINT_URL"]) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        forget_everything()
        yield running
