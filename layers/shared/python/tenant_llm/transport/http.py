"""One HTTP client for all providers of a container."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

import httpcore
import httpx

from tenant_llm.dialects.errors import ParseError, answer_error
from tenant_llm.dialects.sse import ndjson, sse
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import MalformedAnswer, ProviderError
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Framing, ServerEvent, WireRequest, WireResponse
from tenant_llm.settings import Settings
from tenant_llm.transport.auth import authorized
from tenant_llm.transport.errors import translated
from tenant_llm.transport.guard import GuardedBackend, check_scheme, until
from tenant_llm.transport.retry import Retry

_FRAMINGS: Mapping[Framing, Callable[[Iterable[bytes]], Iterator[ServerEvent]]] = {"sse": sse, "ndjson": ndjson}
_LARGEST_ANSWER = 64 * 1024 * 1024
_LARGEST_ERROR = 64 * 1024
_KEEPALIVE_SECONDS = 60.0
_CONNECTIONS = 32


class HttpTransport:
    """Sends wire requests; the client is built when first needed, once, and used by every thread."""

    def __init__(self, settings: Settings, retry: Retry | None = None) -> None:
        self._settings = settings
        self._retry = retry or Retry(settings.provider_attempts)
        self._lock = Lock()
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Close every connection; the next call opens new ones. For a snapshot of the process, and for tests."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def send(
        self, wire: WireRequest, target: Target, deadline: Deadline, parse_error: ParseError | None = None
    ) -> WireResponse:
        """The whole answer, of status 2xx; retried as ``Retry`` says, ended by the deadline.

        Raises:
            ProviderError: For any other status, by ``dialects.errors``, or when the provider cannot be reached.
            DeadlineExceeded: When it is too slow.
            InvalidRequest: When the target's URL may not be dialled.
        """

        def once() -> WireResponse:
            with self._answer(wire, target, deadline, parse_error) as response:
                content = _whole(_chunks(response, deadline), _LARGEST_ANSWER)
                return WireResponse(response.status_code, content, dict(response.headers))

        return self._retry.run(once, deadline)

    @contextmanager
    def stream(
        self, wire: WireRequest, target: Target, deadline: Deadline, parse_error: ParseError | None = None
    ) -> Iterator[Iterator[ServerEvent]]:
        """The events of a streamed answer as they arrive. Leaving the block early hangs up on the provider.

        Raises: as ``send``; a stream is retried only until its head has arrived.
        """
        framing = _FRAMINGS[wire.framing or "sse"]
        with self.stream_bytes(wire, target, deadline, parse_error) as (_, chunks):
            yield framing(chunks)

    @contextmanager
    def stream_bytes(
        self, wire: WireRequest, target: Target, deadline: Deadline, parse_error: ParseError | None = None
    ) -> Iterator[tuple[Mapping[str, str], Iterator[bytes]]]:
        """The headers and the bytes of a streamed answer as they arrive."""

        def open_answer() -> httpx.Response:
            return self._open(wire, target, deadline, parse_error)

        response = self._retry.run(open_answer, deadline)
        try:
            yield dict(response.headers), _chunks(response, deadline)
        finally:
            response.close()

    @contextmanager
    def _answer(
        self, wire: WireRequest, target: Target, deadline: Deadline, parse_error: ParseError | None
    ) -> Iterator[httpx.Response]:
        response = self._open(wire, target, deadline, parse_error)
        try:
            yield response
        finally:
            response.close()

    def _open(
        self, wire: WireRequest, target: Target, deadline: Deadline, parse_error: ParseError | None
    ) -> httpx.Response:
        """The answer's head, of status 2xx; any other answer is read and raised."""
        request = self._request(wire, target, deadline)
        with translated(request.url.host), until(deadline):
            response = self._built().send(request, stream=True)
        if response.is_success:
            return response
        try:
            raise _refusal(response, deadline, parse_error)
        finally:
            response.close()

    def _request(self, wire: WireRequest, target: Target, deadline: Deadline) -> httpx.Request:
        check_scheme(wire.url, allow_private=self._settings.allow_private_providers)
        headers, query = authorized(wire, target)
        timeout = httpx.Timeout(
            deadline.timeout(self._settings.provider_timeout), connect=self._settings.connect_timeout
        )
        form = wire.form
        with translated(wire.url[:200]):
            return self._built().build_request(
                wire.method,
                wire.url,
                headers=headers,
                params=query or None,
                json=wire.json,
                content=wire.content,
                data=dict(form.fields) if form else None,
                files={name: (file.name, file.content, file.content_type) for name, file in form.files.items()}
                if form
                else None,
                timeout=timeout,
            )

    def _built(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = _client(allow_private=self._settings.allow_private_providers)
            return self._client


def _client(*, allow_private: bool) -> httpx.Client:
    ssl_context = httpx.create_ssl_context()
    transport = httpx.HTTPTransport(verify=ssl_context, trust_env=False)
    # httpx has no argument for the network backend, which is where addresses are judged; a test notices if the
    # pool is no longer there.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=ssl_context,
        max_connections=_CONNECTIONS,
        keepalive_expiry=_KEEPALIVE_SECONDS,
        network_backend=GuardedBackend(allow_private=allow_private),
    )
    return httpx.Client(transport=transport, trust_env=False, follow_redirects=False)


def _refusal(response: httpx.Response, deadline: Deadline, parse_error: ParseError | None) -> ProviderError:
    if response.is_redirect:
        host = response.url.copy_with(query=None).join(response.headers["location"]).host
        return ProviderError(f"the provider redirects to {host!r}, which is not followed")
    content = _whole(_chunks(response, deadline), _LARGEST_ERROR, cut=True)
    return answer_error(WireResponse(response.status_code, content, dict(response.headers)), parse_error)


def _chunks(response: httpx.Response, deadline: Deadline) -> Iterator[bytes]:
    """The body as it arrives; the deadline counts between chunks too, so that a dripping answer ends as well."""
    chunks = response.iter_bytes()
    while True:
        deadline.timeout(0)
        with translated(response.url.host), until(deadline):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _whole(chunks: Iterator[bytes], largest: int, *, cut: bool = False) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > largest:
            if not cut:
                raise MalformedAnswer(f"the provider's answer is larger than {largest} bytes")
            break
    return bytes(content[:largest])
