"""Telling the tenants' Langfuse of calls: what is told is queued, beside the settlement, and a function sends it on."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Literal, override

from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.masking import masked
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.tokens import AnyRequest
from tenant_llm.domain.trace import Content, Generation, TraceError, span_id
from tenant_llm.domain.trace_content import AnyResult, answered, asked, finish_reasons, parameters, told
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json
from tenant_llm.repositories.trace_queue import TraceQueue
from tenant_llm.services.patience import begun, ended_within
from tenant_llm.telemetry import logs, metrics

# How long after it is sent an answer waits for the queue at most; the settlement, which takes as long, runs beside it.
_SECONDS = 0.3


type Status = CallStatus | Literal["failed"]


def _now() -> datetime:
    return datetime.now(UTC)


class Tracing:
    """Begins traces of calls. Whatever becomes of the queue, no call fails by it, or waits for it more than moments."""

    def __init__(self, queue: TraceQueue | None, now: Callable[[], datetime] = _now) -> None:
        self._queue = queue
        self._now = now
        self._prepared = False

    def begin(self, caller: Caller, config: ModelConfig, request: AnyRequest, attempt: int = 0) -> "Trace":
        """The trace of an attempt at a call, which begins now."""
        if self._queue is None or config.tracing is None:
            return _UNTRACED
        if not self._prepared:  # while the provider is at work
            self._prepared = True
            _beside(config, self._queue.prepare)
        return _Traced(self._queue, self._now, caller, config, config.tracing, request, attempt, self._now())


class Trace:
    """One attempt at a call, told once, when it ends. This one tells nothing: of a tenant without Langfuse."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What an attempt fails with is told."""
        try:
            yield
        except TenantLLMError as error:
            self.failed(error)
            self.wait()
            raise

    def ended(
        self,
        usage: Usage | None,
        status: Status,
        delivered: Callable[[], AnyResult | None],
        error: TenantLLMError | None,
        first_ms: float | None,
    ) -> None:
        """Begin to tell how it ended, if nobody has; ``first_ms`` is when the first piece of a stream came."""

    def failed(self, error: TenantLLMError) -> None:
        """Begin to tell what it failed with, before anything was delivered."""
        self.ended(None, "failed", lambda: None, error, None)

    def wait(self) -> None:
        """Let what was begun come to its end, if that is soon. Never raises."""


_UNTRACED = Trace()


@dataclass(slots=True)
class _Traced(Trace):
    """What is known of an attempt before it ends."""

    queue: TraceQueue
    now: Callable[[], datetime]
    caller: Caller
    config: ModelConfig
    content: Content
    request: AnyRequest
    attempt: int
    started_at: datetime
    sent: Future[None] | None = field(default=None, init=False)
    until: float = field(default=0.0, init=False)

    @override
    def ended(
        self,
        usage: Usage | None,
        status: Status,
        delivered: Callable[[], AnyResult | None],
        error: TenantLLMError | None,
        first_ms: float | None,
    ) -> None:
        if self.until:
            return
        self.until, at = monotonic() + _SECONDS, self.now()

        def send() -> None:
            self.queue.send(self._generation(usage, status, delivered(), error, first_ms, at))

        self.sent = _beside(self.config, send)

    @override
    def wait(self) -> None:
        sent, self.sent = self.sent, None
        if sent is None:
            return
        try:
            ended_within(max(0.0, self.until - monotonic()), sent)
        except Exception as error:  # noqa: BLE001 (a call is more than what is told of it)
            _lost(self.config, error)

    def _generation(
        self,
        usage: Usage | None,
        status: Status,
        result: AnyResult | None,
        error: TenantLLMError | None,
        first_ms: float | None,
        ended_at: datetime,
    ) -> Generation:
        context, silent = self.caller.context, self.content == "none"
        return Generation(
            tenant_id=self.config.tenant_id,
            request_id=self.caller.request_id,
            context=context,
            span_id=span_id(self.config.tenant_id, context.trace_id, self.caller.request_id, self.attempt),
            model_type=self.config.model_type,
            factory=self.config.factory,
            llm_name=self.config.llm_name,
            started_at=self.started_at,
            ended_at=ended_at,
            status=status,
            first_token_at=None if first_ms is None else self.started_at + timedelta(milliseconds=first_ms),
            parameters=self._parameters(),
            input=None if silent else self._told(asked(self.request)),
            output=None if silent or result is None else self._told(answered(result)),
            finish_reasons=finish_reasons(result),
            usage=usage,
            error=None if error is None else self._error(error),
        )

    def _told(self, value: Json) -> Json:
        return told(value, masked if self.content == "masked" else str)

    def _parameters(self) -> dict[str, Json]:
        """How the model was asked; a parameter may hold words, so that without content numbers alone are told."""
        given = parameters(self.request)
        if self.content == "none":
            return {name: value for name, value in given.items() if isinstance(value, bool | int | float)}
        return {name: self._told(value) for name, value in given.items()}

    def _error(self, error: TenantLLMError) -> TraceError:
        """A provider's words may quote the prompt."""
        message = None if self.content == "none" else self._told(error.message)
        return TraceError(type(error).__name__, error.code, error.status, message)


def _beside(config: ModelConfig, work: Callable[[], None]) -> Future[None] | None:
    try:
        return begun(work)
    except RuntimeError as error:  # no more threads
        _lost(config, error)
        return None


def _lost(config: ModelConfig, error: Exception) -> None:
    logs.untraced(config, error)
    metrics.count_untraced()
