"""Sends what dialects render and brings back what they parse."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from json import loads
from threading import Lock

import httpcore
import httpx

from tenant_llm.dialects import eventstream, sse
from tenant_llm.dialects.errors import ParseError, refuse_error_object
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import ProviderError
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Framing, ServerEvent, WireRequest, WireResponse
from tenant_llm.settings import Settings
from tenant_llm.transport import auth, guard, request
from tenant_llm.transport.answer import Answer
from tenant_llm.transport.client import SIGN, build_client, trusted_origin
from tenant_llm.transport.errors import status_error, translated
from tenant_llm.transport.network import Budget
from tenant_llm.transport.retry import Manner, Retry

_FRAMES: Mapping[Framing, Callable[[Iterable[bytes]], Iterator[ServerEvent]]] = {
    "sse": sse.sse,
    "ndjson": sse.ndjson,
    "aws": eventstream.events,
}


@dataclass(frozen=True, slots=True)
class _Call:
    wire: WireRequest
    target: Target
    deadline: Deadline
    parse_error: ParseError | None
    manner: Manner | None = None


class HttpTransport:
    """One client for a process, built at the first call, safe to share among threads.

    The deadline is the whole call's, retries and waits included; ``provider_timeout`` is the longest silence within it.
    ``retry`` and ``backend`` are seams for tests.
    """

    def __init__(
        self,
        settings: Settings,
        retry: Retry | None = None,
        *,
        backend: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._settings = settings
        self._retry = retry or Retry(settings.provider_attempts)
        self._backend = backend
        self._trusted = trusted_origin(settings)
        self._client: httpx.Client | None = None
        self._lock = Lock()

    def send(
        self,
        wire: WireRequest,
        target: Target,
        deadline: Deadline,
        parse_error: ParseError | None = None,
        manner: Manner | None = None,
    ) -> WireResponse:
        """The whole answer, of a status 2xx; ``manner`` says how it is tried again.

        Raises:
            ProviderError: When the provider refuses, fails, cannot be reached or breaks off.
            DeadlineExceeded: When it takes too long.
            CredentialMissing: When the credential lacks the field that the wire's ``auth`` names.
            InvalidRequest: When the URL may not be dialled, or the request is not valid HTTP.
        """
        opened = self._open(_Call(wire, target, deadline, parse_error, manner), lambda answer: answer)
        with opened as answer:
            return answer.whole()

    @contextmanager
    def stream(
        self,
        wire: WireRequest,
        target: Target,
        deadline: Deadline,
        parse_error: ParseError | None = None,
        manner: Manner | None = None,
    ) -> Iterator[Iterator[ServerEvent]]:
        """The events of an answer as they arrive; the first is there on entry, leaving hangs up.

        Raises:
            ValueError: When the wire has no framing.
            TenantLLMError: As ``send`` does, on entry or between events; nothing is repeated once entered.
        """
        framing = wire.framing
        if framing is None:
            raise ValueError("a request without framing has no events")

        def events(answer: Answer) -> Iterator[ServerEvent]:
            arriving = _events(answer, wire, framing)
            first = list(islice(arriving, 1))
            for event in first:
                _refuse_passing_fault(event, answer.headers)
            return chain(first, arriving)

        with self._open(_Call(wire, target, deadline, parse_error, manner), events) as arriving:
            yield arriving

    @contextmanager
    def stream_bytes(
        self,
        wire: WireRequest,
        target: Target,
        deadline: Deadline,
        parse_error: ParseError | None = None,
        manner: Manner | None = None,
    ) -> Iterator[tuple[Mapping[str, str], Iterator[bytes]]]:
        """The headers (names in lower case) and the body as it arrives; else as ``stream``."""

        def body(answer: Answer) -> tuple[Mapping[str, str], Iterator[bytes]]:
            arriving = answer.chunks()
            return answer.headers, chain(list(islice(arriving, 1)), arriving)

        with self._open(_Call(wire, target, deadline, parse_error, manner), body) as opened:
            yield opened

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def _open[T](self, call: _Call, begin: Callable[[Answer], T]) -> Iterator[T]:
        """What ``begin`` makes of an answer; up to there attempts are repeated. Leaving closes the answer."""

        def attempt() -> tuple[Answer, T]:
            with ExitStack() as stack:
                answer = stack.enter_context(self._head(call))
                begun = begin(answer)
                stack.pop_all()
                return answer, begun

        answer, begun = self._retry.run(attempt, call.deadline, call.manner)
        with answer:
            yield begun
            answer.finish()

    def _head(self, call: _Call) -> Answer:
        """One attempt, up to the head of a good answer."""
        wire, target = call.wire, call.target
        means = auth.Means(partial(self._fetch, call), call.deadline, self._settings)
        sign = partial(auth.sign, auth=wire.auth, target=target, means=means)
        answer = self._exchange(call, request.build(self._http(), _opening(wire), {SIGN: sign}))
        if httpx.codes.is_success(answer.status) or answer.switched:
            return answer
        with answer:
            raise status_error(answer.refusal(), target.credential, call.parse_error)

    def _fetch(self, call: _Call, outgoing: httpx.Request) -> WireResponse:
        """Another exchange within a call, once, whatever its status."""
        with self._exchange(call, outgoing) as answer:
            return answer.whole()

    def _exchange(self, call: _Call, outgoing: httpx.Request) -> Answer:
        guard.check_request(
            outgoing.url,
            trusted=self._trusted,
            own_url=call.target.config.own_url,
            allow_private=self._settings.allow_private_providers,
        )
        deadline = call.deadline
        pool = deadline.timeout(self._settings.provider_timeout)
        connect = Budget(self._settings.connect_timeout, deadline)
        silence = Budget(self._settings.provider_timeout, deadline)
        outgoing.extensions["timeout"] = {"connect": connect, "read": silence, "write": silence, "pool": pool}
        with translated(outgoing.url.host, deadline):
            response = self._http().send(outgoing, stream=True)
        return Answer(response, silence, self._settings.max_answer_bytes)

    def _http(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = build_client(self._settings, self._backend)
            return self._client


def _opening(wire: WireRequest) -> WireRequest:
    if wire.framing != "websocket":
        return wire
    from tenant_llm.transport import websocket  # here: few calls go over one

    return websocket.opening(wire)


def _events(answer: Answer, wire: WireRequest, framing: Framing) -> Iterator[ServerEvent]:
    if framing != "websocket":
        return _FRAMES[framing](answer.chunks())
    from tenant_llm.transport import websocket

    return websocket.texts(answer, wire)


def _refuse_passing_fault(event: ServerEvent, headers: Mapping[str, str]) -> None:
    """Raise a fault that may pass, which some providers send as the first event of a stream with status 200.

    Others are left to the dialect, which knows its events.
    """
    try:
        refuse_error_object(loads(event.data), headers)
    except (ValueError, RecursionError):  # no JSON, or none that Python reads: a number too long, lists too deep
        return
    except ProviderError as error:
        if error.retryable:
            raise
