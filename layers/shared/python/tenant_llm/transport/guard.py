"""Which addresses may be dialled: public ones, judged where the connection is made.

A tenant gives base URLs, and a name may point anywhere by the time it is dialled. So the connection pool resolves a
name itself, judges every address and connects to a judged one; there is no second look-up in between.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import IPPROTO_TCP, SOCK_STREAM, gaierror, getaddrinfo
from ssl import SSLContext
from typing import Any, override
from urllib.parse import urlsplit

import httpcore

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest

_CODE = "provider_url_refused"
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Within the block, no single wait of this thread's sockets outlasts the deadline."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def check_url(url: str, *, allow_private: bool) -> None:
    """Judge a base URL when it is saved: ``https``, a host with public addresses only, no user name in it.

    Raises:
        InvalidRequest: When it is not; the message quotes it, ``param`` is ``api_base``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(f"{url!r} is not a URL: {error}") from error
    check_scheme(url, allow_private=allow_private)
    if not parts.hostname:
        raise _refused(f"{url!r} names no host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _refused(f"{parts.hostname!r} may carry no user name, query or fragment")
    if not allow_private:
        public_addresses(parts.hostname, port or 443)


def check_scheme(url: str, *, allow_private: bool) -> None:
    """``https``, or ``http`` as well where private addresses are allowed.

    Raises:
        InvalidRequest: When it is another one.
    """
    scheme = urlsplit(url).scheme
    if scheme != "https" and not (allow_private and scheme == "http"):
        raise _refused(f"{url[:200]!r} is not an https URL")


def public_addresses(host: str, port: int) -> list[str]:
    """What a host name, or an address in whatever notation, resolves to.

    Raises:
        InvalidRequest: When it does not resolve, or to any address that is not public.
    """
    addresses = _addresses(host, port)
    for address in addresses:
        if not _is_public(ip_address(address)):
            raise _refused(f"{host!r} is at {address}, which is not a public address")
    return addresses


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    except (gaierror, UnicodeError) as error:
        raise _refused(f"{host!r} cannot be resolved") from error
    return list(dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(f"api_base: {message}", param="api_base", code=_CODE)


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections to public addresses, or to any where private ones are allowed."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _addresses(host, port) if self._allow_private else public_addresses(host, port)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, timeout)
            except httpcore.ConnectError:
                continue  # the next address of the name may answer
        return self._connect(addresses[-1], port, timeout)

    def _connect(self, address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        return _DeadlineStream(self._sockets.connect_tcp(address, port, _within(timeout)))


class _DeadlineStream(httpcore.NetworkStream):
    """A socket whose waits end with the deadline of the call that is using it just now."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _within(timeout))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(timeout))

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, _within(timeout)))

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _within(timeout: float | None) -> float | None:
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    left = max(deadline.remaining(), 0.001)  # a timeout of 0 would mean: do not wait, and fail in another way
    return left if timeout is None else min(timeout, left)
