"""A provider for tests: a real HTTP server on loopback that records what it is asked and plays what it is told."""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext, SSLError
from threading import Event, Lock, Thread
from typing import Any, override
from urllib.parse import parse_qsl, urlsplit

import pytest

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    raw_query: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Gate:
    """A place in a body where the server waits until the test opens it."""

    event: Event = field(default_factory=Event)

    def open(self) -> None:
        self.event.set()


class Cut:
    """A place in a body where the server closes the connection."""


type Piece = bytes | Gate | Cut


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    pieces: Sequence[Piece]
    chunked: bool


class ProviderServer:
    """What the test sees: ``url``, the ``requests`` so far, and replies to plan; the last reply is repeated."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.hung_up = Event()
        self._replies: deque[Reply] = deque()
        self._lock = Lock()
        self._gates: list[Gate] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def encrypt(self, context: SSLContext) -> None:
        """Speak TLS from now on; each handshake is made by the thread of its connection."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        for gate in self._gates:
            gate.open()
        self._server.shutdown()
        self._server.server_close()

    def reply(
        self,
        body: Any = None,
        *,
        content: bytes | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Plan an answer: a JSON body, or raw content."""
        kind = {"content-type": "application/json"} if content is None else {}
        data = json.dumps(body).encode() if content is None else content
        self._replies.append(Reply(status, {**kind, **(headers or {})}, [data], chunked=False))

    def stream(
        self, *pieces: Piece, status: int = 200, content_type: str = "text/event-stream", chunked: bool = True
    ) -> None:
        """Plan an answer in pieces, each sent at once; at a ``Gate`` it waits, at a ``Cut`` the connection ends."""
        self._gates += [piece for piece in pieces if isinstance(piece, Gate)]
        self._replies.append(Reply(status, {"content-type": content_type}, pieces, chunked))

    def raw(self, *pieces: Piece) -> None:
        """Plan bytes that are no answer of this server's making, head included; the connection ends with them."""
        self._gates += [piece for piece in pieces if isinstance(piece, Gate)]
        self._replies.append(Reply(0, {}, pieces, chunked=False))

    def forget_replies(self) -> None:
        """Plan nothing any longer."""
        self._replies.clear()

    def hang(self) -> Gate:
        """Plan no answer at all until the gate is opened."""
        gate = Gate()
        self.raw(gate)
        return gate

    def taken(self, request: Received) -> Reply:
        with self._lock:
            self.requests.append(request)
            if not self._replies:
                raise AssertionError(f"no reply is planned for {request.method} {request.path}")
            return self._replies.popleft() if len(self._replies) > 1 else self._replies[0]

    def connected(self) -> None:
        with self._lock:
            self.connections += 1


class _Handler(BaseHTTPRequestHandler):
    provider: ProviderServer
    protocol_version = "HTTP/1.1"

    @override
    def setup(self) -> None:
        super().setup()
        self.provider.connected()

    @override
    def handle(self) -> None:
        with suppress(SSLError):  # a client that does not trust the certificate
            super().handle()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        received = Received(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body, parts.query)
        self._play(self.provider.taken(received))

    do_POST = do_GET = do_PUT = _serve  # noqa: N815 - the base class looks for these names

    def _play(self, reply: Reply) -> None:
        if reply.status:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunked:
                self.send_header("transfer-encoding", "chunked")
            elif "content-length" not in reply.headers:
                self.send_header("content-length", str(sum(len(p) for p in reply.pieces if isinstance(p, bytes))))
            self.end_headers()
        try:
            if all(self._send(piece, chunked=reply.chunked) for piece in reply.pieces) and reply.chunked:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.provider.hung_up.set()
            self.close_connection = True
        if not reply.status:
            self.close_connection = True

    def _send(self, piece: Piece, *, chunked: bool) -> bool:
        match piece:
            case bytes():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
                return True
            case Gate():
                piece.event.wait(_PATIENCE)
                return True
            case _:
                self.close_connection = True
                self.connection.close()
                return False


@contextmanager
def provider_server() -> Iterator[ProviderServer]:
    server = ProviderServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    """A provider that has not been asked anything yet."""
    with provider_server() as server:
        yield server
