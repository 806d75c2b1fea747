"""The one HTTP client of a process: its pool, its TLS, and the place where the key is put into a request."""

from collections.abc import Callable, Iterator
from functools import cache
from ssl import SSLContext
from typing import override

import httpcore
import httpx

from tenant_llm.settings import Settings
from tenant_llm.transport import guard
from tenant_llm.transport.network import GuardedBackend
from tenant_llm.transport.request import check_headers

SIGN = "tenant_llm.sign"
"""The request extension that holds a ``Sign``."""

type Sign = Callable[[httpx.Request], None]
"""Puts the key into a request, in place."""

_MAX_CONNECTIONS = 64
_MAX_IDLE_CONNECTIONS = 16
_IDLE_SECONDS = 60.0


def build_client(settings: Settings, backend: httpcore.NetworkBackend | None = None) -> httpx.Client:
    """A client that follows no redirect, reads no proxy from the environment and dials only what may be dialled.

    ``backend`` is a seam for tests; the default is the guard's.
    """
    pool = httpcore.ConnectionPool(
        ssl_context=ssl_context(),
        max_connections=_MAX_CONNECTIONS,
        max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=backend or GuardedBackend(_trusted(settings)),
    )
    return httpx.Client(
        transport=PoolTransport(pool),
        trust_env=False,
        follow_redirects=False,
        headers={"user-agent": "tenant-llm"},
    )


@cache
def ssl_context() -> SSLContext:
    """The process's TLS settings; reading the roots takes tens of milliseconds, so once.

    The roots are those of ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` where set, else certifi's:
    https://www.python-httpx.org/advanced/ssl/.
    """
    return httpx.create_ssl_context()


def trusted_origin(settings: Settings) -> tuple[str, int] | None:
    """Host and port of the operator's own endpoint for the built-in models, where there is one."""
    return guard.origin(httpx.URL(settings.builtin_base_url)) if settings.builtin_base_url else None


def _trusted(settings: Settings) -> frozenset[tuple[str, int]] | None:
    if settings.allow_private_providers:
        return None
    own = trusted_origin(settings)
    return frozenset() if own is None else frozenset({own})


class PoolTransport(httpx.BaseTransport):
    """httpx over a pool with our own sockets.

    The key is put into a copy of the request here, below httpx: what httpx logs and hangs on its exceptions, URL
    included, never holds it.
    """

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose body is in memory; raises httpcore's exceptions."""
        keyed = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        sign: Sign | None = request.extensions.get(SIGN)
        if sign is not None:
            sign(keyed)
        check_headers(keyed.headers)
        url = keyed.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=keyed.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=keyed.headers.raw,
                content=keyed.content,
                extensions={"timeout": request.extensions["timeout"]},
            )
        )
        socket = {"network_stream": answer.extensions["network_stream"]}
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=socket)

    @override
    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    @override
    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    @override
    def close(self) -> None:
        self._answer.close()
