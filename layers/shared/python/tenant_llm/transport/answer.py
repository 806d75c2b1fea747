"""An answer whose head has arrived and whose body is still on the wire."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Self

import httpcore
import httpx

from tenant_llm.domain.errors import DeadlineExceeded, MalformedAnswer, TenantLLMError
from tenant_llm.domain.wire import WireResponse
from tenant_llm.transport.errors import translated
from tenant_llm.transport.network import Budget

_LONGEST_ERROR = 256 * 1024
_LONGEST_TAIL = 64 * 1024
_TAIL_SECONDS = 0.1


class Answer:
    """Reads the body once, in time and up to ``limit`` decoded bytes; a context manager that hangs up."""

    def __init__(self, response: httpx.Response, budget: Budget, limit: int) -> None:
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.request_headers = response.request.headers
        self.limit = limit
        self._response = response
        self._arriving = response.iter_bytes()
        self._budget = budget
        self._host = response.request.url.host

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""
        self._response.close()

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives, decompressed.

        Raises:
            DeadlineExceeded: When it takes too long, however busy the wire is.
            MalformedAnswer: When it is larger than the limit, or not compressed as it says.
            ProviderUnavailable: When the connection breaks off before the end.
        """
        size = 0
        deadline = self._budget.deadline
        with translated(self._host, deadline):
            for chunk in self._arriving:
                size += len(chunk)
                if size > self.limit:
                    raise MalformedAnswer(f"the provider's answer is larger than {self.limit} bytes")
                if deadline.remaining() <= 0:
                    raise DeadlineExceeded(f"the provider at {self._host!r} did not finish in time")
                yield chunk

    @property
    def switched(self) -> bool:
        """Whether the connection speaks no HTTP any longer but what the request asked for."""
        return self.status == httpx.codes.SWITCHING_PROTOCOLS

    def read(self, size: int) -> bytes:
        """What has arrived on a switched connection, ``b""`` at its end; raises as ``chunks``, the limit apart."""
        with translated(self._host, self._budget.deadline):
            return self._socket.read(size, self._budget)

    def write(self, data: bytes) -> None:
        """Send on a switched connection; raises as ``read``."""
        with translated(self._host, self._budget.deadline):
            self._socket.write(data, self._budget)

    @property
    def _socket(self) -> httpcore.NetworkStream:
        socket: httpcore.NetworkStream = self._response.extensions["network_stream"]
        return socket

    def finish(self) -> None:
        """Read the little that follows the last event a dialect wanted, so that the connection can be used again."""
        if self.switched:
            return
        self._budget.deadline = self._budget.deadline.sooner(_TAIL_SECONDS)
        self.limit = _LONGEST_TAIL
        with suppress(TenantLLMError):  # then it is closed
            for _ in self.chunks():
                continue

    def whole(self) -> WireResponse:
        """The answer with all of its body; raises as ``chunks``."""
        return WireResponse(self.status, b"".join(self.chunks()), self.headers)

    def refusal(self) -> WireResponse:
        """The answer with as much of its body as arrives: the status alone tells enough."""
        content = bytearray()
        with suppress(TenantLLMError):
            for chunk in self.chunks():
                content += chunk
                if len(content) > _LONGEST_ERROR:
                    break
        return WireResponse(self.status, bytes(content), self.headers)
