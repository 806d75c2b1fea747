"""From what went wrong on the wire to the error tree."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from ssl import SSLCertVerificationError

import httpcore
import httpx

from tenant_llm.dialects.errors import ParseError, answer_error
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    DeadlineExceeded,
    InvalidRequest,
    MalformedAnswer,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    TenantLLMError,
)
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import WireResponse

_REDIRECTS = range(300, 400)
_SHORTEST_SECRET = 8
# Gateways before a server that is down or has no room, whoever asks: RFC 9110, 15.6; 520 to 526 are Cloudflare's
# (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/), 529 Anthropic's
# (https://docs.anthropic.com/en/api/errors). Not 500, which one request alone may bring about.
_OUTAGES = frozenset({502, 503, 504, *range(520, 527), 529})

_UNREACHABLE = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_SILENT = (httpcore.ReadTimeout, httpcore.WriteTimeout)
_BROKEN = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
_UNSENDABLE = (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL, httpx.UnsupportedProtocol)


@contextmanager
def translated(host: str, deadline: Deadline) -> Iterator[None]:
    """Raise what httpx and its pool raise inside as classes of the tree.

    Raises:
        DeadlineExceeded: When the time is over, or the provider has been silent for too long.
        ProviderUnavailable: When there is no connection, or it closed too early.
        MalformedAnswer: When the body is not encoded as it says.
        InvalidRequest: When the request is none that HTTP can carry.
    """
    try:
        yield
    except (*_UNREACHABLE, *_SILENT, *_BROKEN, *_UNSENDABLE, httpx.DecodingError) as error:
        raise _of(error, host, deadline) from error


def _of(error: Exception, host: str, deadline: Deadline) -> TenantLLMError:
    if isinstance(error, _UNREACHABLE) and deadline.remaining() > 0:
        unreachable = ProviderUnavailable(f"no connection to the provider at {host!r}: {error}")
        # A wrong certificate will not pass. The pool cuts the cause off and keeps it as an argument.
        unreachable.outage = True
        unreachable.retryable = not any(isinstance(told, SSLCertVerificationError) for told in error.args)
        return unreachable
    if isinstance(error, (*_UNREACHABLE, *_SILENT)):
        return DeadlineExceeded(f"the provider at {host!r} did not answer in time")
    if isinstance(error, _BROKEN):
        return ProviderUnavailable(f"the provider at {host!r} broke the connection off")
    if isinstance(error, httpx.DecodingError):
        return MalformedAnswer(f"the answer of the provider at {host!r} cannot be decompressed")
    return InvalidRequest(f"the request to {host!r} is not valid HTTP", param="api_base")


def status_error(response: WireResponse, credential: Credential, parse_error: ParseError | None) -> ProviderError:
    """The error that an answer of a status other than 2xx means.

    A date in ``Retry-After`` is taken relative to this machine's clock where the answer does not tell its own.
    """
    if response.status in _REDIRECTS:
        return _redirect(response.headers)
    headers = {"date": formatdate(usegmt=True), **response.headers}
    content = _without_secrets(response.content, credential)
    error = answer_error(WireResponse(response.status, content, headers), parse_error)
    if isinstance(error, ProviderUnavailable):
        error.outage = response.status in _OUTAGES
    if headers.get("x-should-retry", "").lower() == "false":
        error.retryable = False
    return error


def _redirect(headers: Mapping[str, str]) -> ProviderRejected:
    """Following would carry the key, and the request, to wherever the answer says."""
    try:
        place = httpx.URL(headers.get("location", "")).host
    except httpx.InvalidURL:
        place = ""
    return ProviderRejected(
        f"the provider redirects to {place!r}, which is not followed", param="api_base", code="provider_redirects"
    )


def _without_secrets(content: bytes, credential: Credential) -> bytes:
    """Providers echo a wrong key in their message; ours goes no further."""
    for value in credential.fields.values():
        if len(value) >= _SHORTEST_SECRET:
            content = content.replace(value.encode(), b"[key]")
    return content
