"""Telling the tenants' Langfuse of calls: what is told is queued, beside the settlement, and a function sends it on."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Literal

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


def _now() -> datetime:
    return datetime.now(UTC)


class Tracing:
    """Begins traces of calls. Whatever becomes of the queue, no call fails by it, or waits for it more than moments."""

    def __init__(self, queue: TraceQueue | None, now: Callable[[], datetime] = _now) -> None:
        self._queue = queue
        self._now = now
        self._prepared: Future[None] | None = None

    def begin(self, caller: Caller, config: ModelConfig, request: AnyRequest, attempt: int = 0) -> "Trace":
        """The trace of an attempt at a call, which begins now."""
        if self._queue is None or config.tracing is None:
            return Trace(None)
        if self._prepared is None:  # while the provider is at work
            self._prepared = begun(self._queue.prepare)
        return Trace(_Traced(self._queue, self._now, caller, config, config.tracing, request, attempt, self._now()))


@dataclass(slots=True)
class _Traced:
    """What is known of an attempt before it ends."""

    queue: TraceQueue
    now: Callable[[], datetime]
    caller: Caller
    config: ModelConfig
    content: Content
    request: AnyRequest
    attempt: int
    started_at: datetime
    first_token_at: datetime | None = None


@dataclass(slots=True)
class Trace:
    """One attempt at a call, told once, when it ends; of a tenant without Langfuse nothing is told and nothing costs.

    ``delivered`` and ``failed`` begin to send; ``wait`` ends that.
    """

    _traced: _Traced | None
    _sent: Future[None] | None = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)

    def first_piece(self) -> None:
        """The first piece of a streamed answer is there."""
        if self._traced is not None and self._traced.first_token_at is None:
            self._traced.first_token_at = self._traced.now()

    def delivered(self, result: AnyResult | None, usage: Usage, status: CallStatus = "ok") -> None:
        """The call has ended, with this result, or what there is of it; ``None`` where nothing was delivered."""
        self._end(status, result, usage, None)

    def failed(self, error: TenantLLMError) -> None:
        """The call has failed."""
        self._end("failed", None, None, error)

    def wait(self) -> None:
        """Let what was begun come to its end, if that is soon. Never raises."""
        if self._sent is None or self._traced is None:
            return
        sent, self._sent = self._sent, None
        try:
            ended_within(max(0.0, self._until - monotonic()), sent)
        except Exception as error:  # noqa: BLE001 (a call is more than what is told of it)
            logs.untraced(self._traced.config, error)
            metrics.count_untraced()

    def _end(
        self,
        status: CallStatus | Literal["failed"],
        result: AnyResult | None,
        usage: Usage | None,
        error: TenantLLMError | None,
    ) -> None:
        traced = self._traced
        if traced is None or self._until:
            return
        self._until = monotonic() + _SECONDS
        self._sent = begun(partial(_send, traced, traced.now(), status, result, usage, error))


def _send(
    traced: _Traced,
    ended_at: datetime,
    status: CallStatus | Literal["failed"],
    result: AnyResult | None,
    usage: Usage | None,
    error: TenantLLMError | None,
) -> None:
    caller, config, content = traced.caller, traced.config, traced.content
    context, change = caller.context, masked if content == "masked" else str
    traced.queue.send(
        Generation(
            tenant_id=config.tenant_id,
            request_id=caller.request_id,
            context=context,
            span_id=span_id(config.tenant_id, context.trace_id, caller.request_id, traced.attempt),
            model_type=config.model_type,
            factory=config.factory,
            llm_name=config.llm_name,
            started_at=traced.started_at,
            ended_at=ended_at,
            status=status,
            first_token_at=traced.first_token_at,
            parameters=_parameters(traced.request, content, change),
            input=None if content == "none" else told(asked(traced.request), change),
            output=None if content == "none" or result is None else told(answered(result), change),
            finish_reasons=finish_reasons(result),
            usage=usage,
            error=None if error is None else _error(error, content, change),
        )
    )


def _parameters(request: AnyRequest, content: Content, change: Callable[[str], str]) -> dict[str, Json]:
    """How the model was asked; a parameter may hold words, too, so that without content numbers alone are told."""
    given = parameters(request)
    if content == "none":
        return {name: value for name, value in given.items() if isinstance(value, bool | int | float)}
    return {name: told(value, change) for name, value in given.items()}


def _error(error: TenantLLMError, content: Content, change: Callable[[str], str]) -> TraceError:
    """A provider's words may quote the prompt."""
    message = None if content == "none" else told(error.message, change)
    return TraceError(type(error).__name__, error.code, error.status, message)
