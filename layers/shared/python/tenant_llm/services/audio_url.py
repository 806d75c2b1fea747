"""Audio that does not fit into a call: fetched from, and uploaded to, URLs that the caller names.

The caller grants access by signing them (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html),
so that no rights of ours can be used to reach another tenant's objects.
"""

from tenant_llm.domain.audio import TYPES, UNTYPED
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    CredentialRejected,
    DeadlineExceeded,
    InvalidRequest,
    MalformedAnswer,
    ProviderError,
    ProviderRejected,
    QuotaExhausted,
    TenantLLMError,
)
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import File, Json, SignedQuery, WireRequest, WireResponse
from tenant_llm.settings import Settings
from tenant_llm.transport import guard
from tenant_llm.transport.http import HttpTransport

REFUSED = "url_refused"
"""The code of a URL of the caller's that is not dialled."""

FAILED = "audio_host_failed"
"""The code of a URL of the caller's whose host refused or failed."""

_STATUS = "answered with status"
_REFUSALS = (ProviderRejected, CredentialRejected, QuotaExhausted)


class AudioLinks:
    """Fetches and uploads, over the transport that calls providers and under its guard, but with no tenant's key."""

    def __init__(self, transport: HttpTransport, settings: Settings) -> None:
        self._transport = transport
        self._open = settings.allow_private_providers
        self._limit = settings.max_answer_bytes

    def fetch(self, link: Link, deadline: Deadline, wanted: File) -> File:
        """The audio at a URL, under the name and type that are ``wanted``, else those that the host tells.

        Raises:
            InvalidRequest: When the URL may not be dialled, its host refuses or fails, or the audio is empty or too
                large.
            DeadlineExceeded: When it takes too long.
        """
        wire = WireRequest(link.url, "GET", {"accept-encoding": "identity"}, auth=SignedQuery())
        answer = self._exchange(wire, link, deadline)
        if not answer.content:
            raise InvalidRequest(f"{link.param}: what {link.host!r} answered is empty", param=link.param)
        return _file(link, answer, wanted)

    def check(self, link: Link) -> None:
        """Judge a URL before anything is paid for; the socket judges again.

        Raises:
            InvalidRequest: When it may not be dialled.
        """
        try:
            guard.check_url(link.url, allow_private=self._open)
        except InvalidRequest as error:
            raise _unsendable(error, link) from error

    def upload(self, link: Link, audio: bytes, content_type: str, deadline: Deadline, already: str) -> None:
        """Put audio where a URL says, with its type as ``content-type``.

        Args:
            link: where to.
            audio: the bytes.
            content_type: their media type.
            deadline: until when.
            already: what an error's message says was done before.

        Raises:
            InvalidRequest: When the URL may not be dialled, or its host refuses.
            TenantLLMError: With status 502, when the host fails or cannot be reached.
            DeadlineExceeded: When it takes too long.
        """
        wire = WireRequest(link.url, "PUT", {"content-type": content_type}, content=audio, auth=SignedQuery())
        self._exchange(wire, link, deadline, already)

    def _exchange(self, wire: WireRequest, link: Link, deadline: Deadline, already: str = "") -> WireResponse:
        try:
            return self._transport.send(wire, _target(link), deadline, _told)
        except InvalidRequest as error:
            raise _unsendable(error, link, already) from error
        except DeadlineExceeded as error:
            message = f"{link.param}: {link.host!r} did not answer in time{already}"
            raise DeadlineExceeded(message, param=link.param) from error
        except ProviderError as error:
            message = f"{link.param}: {link.host!r} {self._failure(error)}{already}"
            if wire.method == "GET" or isinstance(error, _REFUSALS):
                raise InvalidRequest(message, param=link.param, code=FAILED) from error
            raise TenantLLMError(message, param=link.param, code=FAILED, status=502) from error

    def _failure(self, error: ProviderError) -> str:
        """What went wrong, in words about the host of audio: the transport's are about providers."""
        if error.message.startswith(_STATUS):
            return error.message
        if error.code == "provider_redirects":
            return "redirects, which is not followed"
        if isinstance(error, MalformedAnswer):
            return f"answers with more than {self._limit} bytes, or with what cannot be decompressed"
        return "cannot be reached, or broke the connection off"


def _told(status: int, _body: Json) -> tuple[str, None]:
    """The status alone: a store's error body quotes the signature."""
    return f"{_STATUS} {status}", None


def _target(link: Link) -> Target:
    """No model, no key; the URL is the tenant's own, so the operator's private endpoint is not for it."""
    config = ModelConfig("", "", "", ModelType.SPEECH2TEXT, "", link.url, "", own_url=True, needs_key=False)
    return Target(config, Credential({"query": link.query} if link.query else {}))


def _unsendable(error: InvalidRequest, link: Link, already: str = "") -> InvalidRequest:
    code = REFUSED if error.code == guard.REFUSED else error.code
    return InvalidRequest(
        f"{link.param}: {error.message.removeprefix('api_base: ')}{already}", param=link.param, code=code
    )


def _file(link: Link, answer: WireResponse, wanted: File) -> File:
    name = wanted.name or link.name or "audio"
    ending = name.rpartition(".")[2].lower()
    told = answer.content_type
    kind = wanted.content_type or (told if told not in UNTYPED else TYPES.get(ending, UNTYPED[1]))
    if not wanted.name and ending not in TYPES:
        name += _ending(kind)
    return File(name, answer.content, kind)


def _ending(kind: str) -> str:
    """The ending for a name that has none: providers tell formats apart by it."""
    plain = kind.replace("/x-", "/")
    return next((f".{ending}" for ending, known in TYPES.items() if known == plain), "")
