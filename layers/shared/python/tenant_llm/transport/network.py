"""Sockets for the connection pool: they dial only what the guard lets through, and keep to the call's deadline."""

import ssl
from collections.abc import Iterable
from typing import Any, Self, override

import httpcore

from tenant_llm.domain.deadline import STEP, Deadline
from tenant_llm.transport.guard import refuse_private
from tenant_llm.transport.resolve import Resolve, lookup, resolve_within

_SLICE = 16 * 1024
_CONNECT_SECONDS = 5.0


class Budget(float):
    """A timeout that shrinks as its deadline comes nearer.

    The pool reads a timeout once and uses it for every read of an exchange, so a plain number would let a provider
    that drips single bytes go on for ever. The pool hands this object down as it is, and the socket asks it anew.
    """

    deadline: Deadline

    def __new__(cls, configured: float, deadline: Deadline) -> Self:
        """As a number, the longest silence."""
        budget = super().__new__(cls, configured)
        budget.deadline = deadline
        return budget

    def left(self) -> float:
        """Seconds the next operation on the socket may take."""
        return min(float(self), self.deadline.remaining())


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name, judges every address, and connects to one of these very addresses.

    Judging the socket's own address leaves no moment in which the name could be pointed elsewhere.
    ``trusted`` are the ``(host, port)`` that an operator has set, ``None`` stands for all.
    """

    def __init__(
        self,
        trusted: frozenset[tuple[str, int]] | None,
        resolve: Resolve = lookup,
        dialler: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._trusted = trusted
        self._resolve = resolve
        self._dialler = dialler or httpcore.SyncBackend()

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within ``timeout`` seconds in all, shared by the addresses that are left to try."""
        seconds = _left(timeout, httpcore.ConnectTimeout)
        clock = Deadline.after(_CONNECT_SECONDS if seconds is None else seconds)
        addresses = self._addresses(host, port, clock)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout
        failure = httpcore.ConnectError(f"the name {host!r} has no address")
        for tried, address in enumerate(addresses):
            share = clock.remaining() / (len(addresses) - tried)
            if share <= 0:
                raise httpcore.ConnectTimeout("timed out")
            try:
                stream = self._dialler.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return BudgetedStream(stream)
        raise failure

    def _addresses(self, host: str, port: int, clock: Deadline) -> list[str]:
        try:
            addresses = resolve_within(clock.remaining(), host, port, self._resolve)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host!r} cannot be resolved") from error
        if self._trusted is not None and (host, port) not in self._trusted:
            refuse_private(host, addresses)
        return addresses


class BudgetedStream(httpcore.NetworkStream):
    """A connection on which each read and write takes no longer than its ``Budget`` then leaves."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not isinstance(timeout, Budget):
            return self._stream.read(max_bytes, timeout)
        silence = Deadline.after(float(timeout))
        while True:  # in steps, since the caller may hang up while the provider is silent
            left = min(silence.remaining(), timeout.left())
            if left <= 0:
                raise httpcore.ReadTimeout("timed out")
            try:
                return self._stream.read(max_bytes, min(STEP, left))
            except httpcore.ReadTimeout:
                if left <= STEP:
                    raise

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In slices: one call for a large body could wait for each packet anew, as long as the first.
        view = memoryview(buffer)
        for start in range(0, len(buffer), _SLICE):
            self._stream.write(view[start : start + _SLICE].tobytes(), _left(timeout, httpcore.WriteTimeout))

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return BudgetedStream(self._stream.start_tls(ssl_context, server_hostname, left))

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    if not isinstance(timeout, Budget):
        return timeout
    left = timeout.left()
    if left <= 0:
        raise error("timed out")
    return left
