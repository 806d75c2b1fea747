"""The pipeline every model type shares: find, send, parse, settle; and where a model fails, the next one."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import override

from tenant_llm.dialects.contract import Dialect, EventDialect
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import (
    BudgetExceeded,
    CircuitOpen,
    CredentialMissing,
    CredentialRejected,
    InvalidRequest,
    LookupFailed,
    ProviderError,
    ProviderRejected,
    TenantLLMError,
    UnsupportedModelType,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.tokens import AnyRequest
from tenant_llm.domain.trace_content import AnyResult
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.services.budgets import BudgetService, Hold
from tenant_llm.services.circuits import Circuits
from tenant_llm.services.exchange import Exchange
from tenant_llm.services.resolution import Resolution
from tenant_llm.services.tracing import Trace, Tracing
from tenant_llm.services.usage import UsageService
from tenant_llm.telemetry import logs, metrics
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Manner

# Where another model can answer, waiting for this one is worth little.
_PATIENCE = 2.0
_NOT_FOUND = 404


class Invocation:
    """Makes calls: what they need, and the one place where they are carried out. ``sleep`` is a seam for tests."""

    def __init__(  # noqa: PLR0913 (whatever a call needs)
        self,
        resolution: Resolution,
        secrets: SecretStore,
        transport: HttpTransport,
        usage: UsageService,
        budgets: BudgetService,
        circuits: Circuits,
        tracing: Tracing,
        *,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._resolution = resolution
        self.secrets = secrets
        self.transport = transport
        self.usage = usage
        self.budgets = budgets
        self.circuits = circuits
        self._tracing = tracing
        self.sleep = sleep

    def answered[Result](
        self,
        caller: Caller,
        model_type: ModelType,
        model: str | None,
        request: AnyRequest,
        attempt: Callable[["OngoingCall"], Result],
    ) -> Result:
        """What the attempt makes of a call of the model, or where that fails, of the next fallback of a default.

        The request is the whole of what is asked for: by it budgets are reserved, once it comes to that. Another model
        is asked where this one's provider is at fault or its key is, and nothing was delivered; not where the request
        is, nor after a provider that was silent until the time was over, which may have done the work and bill it. A
        fallback that the tenant has no longer, or that cannot take the request, is passed over.

        Raises:
            TenantLLMError: See ``Resolution.config``; else what the last model that was asked has failed with.
        """
        config = self._resolution.config(caller.tenant_id, model_type, model)
        places = (config.address, *config.fallbacks)
        failed: TenantLLMError | None = None
        for number, place in enumerate(places):
            last = number == len(places) - 1
            try:
                if number:
                    config = self._resolution.config(caller.tenant_id, model_type, place)
                hold = Hold(self.budgets, caller, config, request)
                trace = self._tracing.begin(caller, config, request, number)
                call = OngoingCall(self, caller, config, hold, trace, Progress(), last=last)
                with trace.watched():
                    return attempt(call)
            except TenantLLMError as error:
                if not (_elsewhere(error) or (number and _unfit(error))):
                    raise
                failed = error if _elsewhere(error) else failed
                if last or caller.deadline.remaining() <= 0:
                    break
                logs.fell_back(config, error)
                metrics.count_fallback(config)
        raise failed or AssertionError("a call has at least one model")


@dataclass(slots=True)
class Progress:
    """How far a call has come. Times are of the monotonic clock; ``first`` is when the first piece of a stream came.

    ``unfailed`` is free until the call fails: one of several requests at once fails once.
    """

    started: float = field(default_factory=monotonic)
    first: float | None = None
    retries: int = 0
    unfailed: Lock = field(default_factory=Lock)

    def milliseconds(self) -> float:
        """Since it was started."""
        return (monotonic() - self.started) * 1000

    def first_milliseconds(self) -> float | None:
        """From its start to the first piece; ``None`` for an answer that came whole."""
        return None if self.first is None else (self.first - self.started) * 1000


@dataclass(frozen=True, slots=True)
class OngoingCall:
    """One call of a tenant's model, from its begin to its settlement.

    After the ``last`` no other model is asked for the same request.
    """

    invocation: Invocation
    caller: Caller
    config: ModelConfig
    hold: Hold
    trace: Trace
    progress: Progress
    last: bool

    def dialect[D](self, load: Callable[[str], D]) -> D:
        """The wire of the model's factory, by one of the functions of ``dialects.load``.

        Raises:
            UnsupportedModelType: When nobody has written it yet.
        """
        try:
            return load(self.config.dialect)
        except UnsupportedModelType as error:
            factory, kind = self.config.factory, self.config.model_type.value
            raise UnsupportedModelType(
                f"factory {factory!r} cannot serve {kind!r}: {error.message}", param="model"
            ) from error

    def exchange[Request, Result](
        self, dialect: Dialect[Request, Result] | EventDialect[Request, Result], request: Request
    ) -> Result:
        """One request, one result. A key that the provider refuses is read again once.

        Raises:
            CredentialMissing: When the factory needs a key and the tenant has stored none.
            BudgetExceeded: When a hard budget of the tenant has no room; no provider is called then.
            ProviderError: When the provider refuses, fails or answers nonsense, or is down.
            DeadlineExceeded: When it takes too long.
        """

        def attempt(target: Target) -> Result:
            result: Result = self._exchange(dialect, target).result(request)
            return result

        return self._guarded(attempt)

    def open_stream[Delta](self, dialect: object, deltas: Callable[[Exchange], Generator[Delta]]) -> "Started[Delta]":
        """The deltas of a streamed answer. The first has arrived when this returns: errors before it raise here."""
        started = self._guarded(lambda target: Started(deltas(self._exchange(dialect, target))))
        if self.progress.first is None:
            self.progress.first = monotonic()
        return started

    def settle(
        self,
        usage: Usage,
        status: CallStatus = "ok",
        delivered: Callable[[], AnyResult | None] = lambda: None,
        error: TenantLLMError | None = None,
    ) -> None:
        """Book the usage, once whoever repeats the call, and tell logs, metrics and the tenant's traces.

        What was ``delivered`` is asked for where that is traced, from another thread.
        """
        self.trace.ended(usage, status, delivered, error, self.progress.first_milliseconds())
        self.invocation.usage.settle(self.caller, self.config, usage, status, self.hold.reservation)
        self.trace.wait()
        ms, first_ms = self.progress.milliseconds(), self.progress.first_milliseconds()
        logs.call_done(self.config, usage, ms, status, first_ms=first_ms, retries=self.progress.retries)
        metrics.count_call(self.config, usage, ms, first_ms=first_ms)

    def _guarded[Result](self, attempt: Callable[[Target], Result]) -> Result:
        """An attempt within the model's circuit, and once that is closed, within the tenant's budgets."""

        def held() -> Result:
            with self.hold:
                return self._with_fresh_key(attempt)

        with self._watched():
            return self.invocation.circuits.guarded(self.config, held)

    def _exchange(self, dialect: object, target: Target) -> Exchange:
        manner = Manner(tell=self._retried) if self.last else Manner(_PATIENCE, self._retried)
        invocation = self.invocation
        return Exchange(dialect, target, invocation.transport, self.caller.deadline, invocation.sleep, manner)

    def _retried(self) -> None:
        self.progress.retries += 1
        metrics.count_retry(self.config)

    def _with_fresh_key[T](self, attempt: Callable[[Target], T]) -> T:
        target = self._target()
        try:
            return attempt(target)
        except CredentialRejected:
            self.invocation.secrets.forget(self.config.tenant_id)
            fresh = self._target()
            if fresh.credential == target.credential:
                raise
            return attempt(fresh)

    def _target(self) -> Target:
        config = self.config
        credential = self.invocation.secrets.find(config.tenant_id, config.llm_name, config.factory)
        if credential is None:
            if config.needs_key:
                raise CredentialMissing(f"no key is stored for model {config.address!r}", param="model")
            credential = Credential()
        return Target(config, credential)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except TenantLLMError as error:
            logs.call_failed(self.config, error, self.progress.milliseconds())
            if isinstance(error, ProviderError) and not isinstance(error, CircuitOpen):
                metrics.count_provider_error(self.config, error.code)
                if self.progress.unfailed.acquire(blocking=False):
                    if self.progress.first is None and not self.caller.deadline.line.hung_up:
                        self.trace.failed(error)  # beside the count, which takes as long
                    self.invocation.usage.failed(self.config)
            raise


def _elsewhere(error: TenantLLMError) -> bool:
    """Whether another model may answer what this one has failed with: it lies at the provider, or at the key for it."""
    if isinstance(error, ProviderRejected):
        return error.status == _NOT_FOUND and type(error) is ProviderRejected  # the provider has the model no longer
    return isinstance(error, (ProviderError, CredentialMissing))


def _unfit(error: TenantLLMError) -> bool:
    """Whether a fallback could not be asked, which is not what the caller has to hear."""
    return isinstance(error, (LookupFailed, InvalidRequest, UnsupportedModelType, BudgetExceeded))


class Started[Delta](Iterator[Delta]):
    """A generator of deltas that has run to its ``first``: errors before it are raised here, ``close`` unwinds it."""

    def __init__(self, deltas: Generator[Delta]) -> None:
        self._deltas = deltas
        self.first = next(deltas, None)
        self._begun = self.first is None

    @override
    def __next__(self) -> Delta:
        if not self._begun and self.first is not None:
            self._begun = True
            return self.first
        return next(self._deltas)

    def close(self) -> None:
        """Hang up: the generator's own clean-up runs now."""
        self._deltas.close()
