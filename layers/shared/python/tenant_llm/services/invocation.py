"""The pipeline every model type shares: find, send, parse, settle."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import override

from tenant_llm.dialects.contract import Dialect, EventDialect
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import (
    CredentialMissing,
    CredentialRejected,
    ProviderError,
    TenantLLMError,
    UnsupportedModelType,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.tokens import AnyRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.services.budgets import BudgetService, Hold
from tenant_llm.services.exchange import Exchange
from tenant_llm.services.resolution import Resolution
from tenant_llm.services.usage import UsageService
from tenant_llm.telemetry import logs, metrics
from tenant_llm.transport.http import HttpTransport


class Invocation:
    """Begins calls: what they need, and the one place where they are carried out. ``sleep`` is a seam for tests."""

    def __init__(
        self,
        resolution: Resolution,
        secrets: SecretStore,
        transport: HttpTransport,
        usage: UsageService,
        budgets: BudgetService,
        *,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._resolution = resolution
        self.secrets = secrets
        self.transport = transport
        self.usage = usage
        self.budgets = budgets
        self.sleep = sleep

    def begin(self, caller: Caller, model_type: ModelType, model: str | None, request: AnyRequest) -> "OngoingCall":
        """Find the model and start the clock; see ``Resolution.config`` for what is found and what is raised.

        The request is the whole of what is asked for: by it budgets are reserved, once it comes to that.
        """
        config = self._resolution.config(caller.tenant_id, model_type, model)
        return OngoingCall(self, caller, config, monotonic(), Hold(self.budgets, caller, config, request))


@dataclass(frozen=True, slots=True)
class OngoingCall:
    """One call of a tenant's model, from its begin to its settlement.

    ``unfailed`` is free until the provider fails it: a call of several requests at once fails once.
    """

    invocation: Invocation
    caller: Caller
    config: ModelConfig
    started: float
    hold: Hold
    unfailed: Lock = field(default_factory=Lock)

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
            ProviderError: When the provider refuses, fails or answers nonsense.
            DeadlineExceeded: When it takes too long.
        """

        def attempt(target: Target) -> Result:
            result: Result = self._exchange(dialect, target).result(request)
            return result

        with self._watched(), self.hold:
            return self._with_fresh_key(attempt)

    def open_stream[Delta](self, dialect: object, deltas: Callable[[Exchange], Generator[Delta]]) -> "Started[Delta]":
        """The deltas of a streamed answer. The first has arrived when this returns: errors before it raise here."""
        with self._watched(), self.hold:
            return self._with_fresh_key(lambda target: Started(deltas(self._exchange(dialect, target))))

    def settle(self, usage: Usage, status: CallStatus = "ok") -> None:
        """Book the usage, once whoever repeats the call, and tell logs and metrics."""
        self.invocation.usage.settle(self.caller, self.config, usage, status, self.hold.reservation)
        logs.call_done(self.config, usage, self._milliseconds(), status)
        metrics.count_call(self.config, usage, self._milliseconds())

    def _exchange(self, dialect: object, target: Target) -> Exchange:
        return Exchange(dialect, target, self.invocation.transport, self.caller.deadline, self.invocation.sleep)

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
            logs.call_failed(self.config, error, self._milliseconds())
            if isinstance(error, ProviderError):
                metrics.count_provider_error(self.config, error.code)
                if self.unfailed.acquire(blocking=False):
                    self.invocation.usage.failed(self.config)
            raise

    def _milliseconds(self) -> float:
        return (monotonic() - self.started) * 1000


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
