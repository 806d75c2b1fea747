"""The pipeline every model type shares: find, send, parse, settle."""

from collections.abc import Callable, Generator, Iterator
from typing import override

from tenant_llm.dialects.contract import ChatDialect, Dialect
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import CredentialMissing, CredentialRejected
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.services.resolution import Resolution
from tenant_llm.services.usage import UsageService
from tenant_llm.transport.http import HttpTransport


class Invocation:
    """Carries a request to the provider of a resolved model."""

    def __init__(
        self, resolution: Resolution, secrets: SecretStore, transport: HttpTransport, usage: UsageService
    ) -> None:
        self._resolution = resolution
        self._secrets = secrets
        self._transport = transport
        self.usage = usage

    def config(self, caller: Caller, model_type: ModelType, model: str | None) -> ModelConfig:
        """The model that is meant; see ``Resolution.config``."""
        return self._resolution.config(caller.tenant_id, model_type, model)

    def exchange[Request, Result](
        self, dialect: Dialect[Request, Result], request: Request, config: ModelConfig, deadline: Deadline
    ) -> Result:
        """One request, one result. A key that the provider refuses is read again once.

        Raises:
            CredentialMissing: When the factory needs a key and the tenant has stored none.
            ProviderError: When the provider refuses, fails or answers nonsense.
            DeadlineExceeded: When it takes too long.
        """

        def attempt(target: Target) -> Result:
            wire = dialect.render(request, target)
            response = self._transport.send(wire, target, deadline, getattr(dialect, "parse_error", None))
            return dialect.parse(response, request, target)

        return self._with_fresh_key(config, attempt)

    def open_stream(
        self, dialect: ChatDialect, request: ChatRequest, config: ModelConfig, deadline: Deadline
    ) -> "Started":
        """The deltas of a streamed answer. The first has arrived when this returns: errors before it raise here."""

        def deltas(target: Target) -> Generator[ChatDelta]:
            wire = dialect.render(request, target)
            with self._transport.stream(wire, target, deadline, getattr(dialect, "parse_error", None)) as events:
                yield from dialect.parse_stream(events, target)

        return self._with_fresh_key(config, lambda target: Started(deltas(target)))

    def _with_fresh_key[T](self, config: ModelConfig, attempt: Callable[[Target], T]) -> T:
        target = self._target(config)
        try:
            return attempt(target)
        except CredentialRejected:
            self._secrets.forget(config.tenant_id)
            fresh = self._target(config)
            if fresh.credential == target.credential:
                raise
            return attempt(fresh)

    def _target(self, config: ModelConfig) -> Target:
        credential = self._secrets.find(config.tenant_id, config.llm_name, config.factory)
        if credential is None:
            if config.needs_key:
                raise CredentialMissing(f"no key is stored for model {config.address!r}", param="model")
            credential = Credential()
        return Target(config, credential)


class Started(Iterator[ChatDelta]):
    """A generator of deltas that has run to its first: errors before it are raised here, and ``close`` unwinds it."""

    def __init__(self, deltas: Generator[ChatDelta]) -> None:
        self._deltas = deltas
        self._first = next(deltas, None)

    @override
    def __next__(self) -> ChatDelta:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._deltas)

    def close(self) -> None:
        """Hang up: the generator's own clean-up runs now."""
        self._deltas.close()
