"""Circuit breakers: a provider that is down is left alone for a while, by all functions.

A circuit is one model at one endpoint. At an endpoint of the catalogue all tenants share it, and only what no single
request can bring about counts against it, so that no tenant can open it for the others. At a tenant's own URL it is the
tenant's alone, and everything that fails there counts.

As long as a provider answers, a process does not look at the shared state, so that a circuit costs calls nothing: it
looks when a call of its own has failed, and for some minutes after that.
"""

from collections.abc import Callable
from threading import Lock
from time import time
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from cachetools import TTLCache

from tenant_llm.domain.errors import CircuitOpen, ProviderUnavailable
from tenant_llm.domain.target import ModelConfig
from tenant_llm.telemetry import logs, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitTransition
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerPersistenceLayer

_FAILURES = 5  # in a row, seen by one process
_OPEN_SECONDS = 30
_KNOWN_SECONDS = 5  # for which a process relies on what it has read
_SUSPECT_SECONDS = 300.0


class Circuits:
    """Guards calls to providers. ``store`` is opened when the first call has failed; what it cannot read is closed."""

    def __init__(self, store: "Callable[[], CircuitBreakerPersistenceLayer]") -> None:
        self._store = store
        self._suspects: TTLCache[str, None] = TTLCache(maxsize=1024, ttl=_SUSPECT_SECONDS)
        self._lock = Lock()

    def guarded[Result](self, config: ModelConfig, attempt: Callable[[], Result]) -> Result:
        """What the attempt returns or raises.

        Raises:
            CircuitOpen: Instead of an attempt, or of what a first one raised, when others have found the provider down.
        """
        name = circuit(config)
        with self._lock:
            suspect = name in self._suspects
        if not suspect:
            try:
                return attempt()
            except ProviderUnavailable as error:
                if not _counts(config, error):
                    raise
                return self._asked(name, config, _raising(error))
        return self._asked(name, config, attempt)

    def _asked[Result](self, name: str, config: ModelConfig, attempt: Callable[[], Result]) -> Result:
        from aws_lambda_powertools.utilities.circuit_breaker import (
            CircuitBreakerConfig,
            CircuitBreakerOpenError,
            circuit_breaker,
        )

        def counted() -> Result:
            try:
                return attempt()
            except ProviderUnavailable as error:
                if not _counts(config, error):
                    raise
                with self._lock:
                    self._suspects[name] = None
                raise _Counted(error) from error

        breaker = circuit_breaker(
            name,
            self._store(),
            on_transition=lambda transition: _tell(config, transition),
            config=CircuitBreakerConfig(
                failure_threshold=_FAILURES,
                recovery_timeout=_OPEN_SECONDS,
                success_threshold=1,
                handled_exceptions=_Counted,
                local_cache_max_age=_KNOWN_SECONDS,
            ),
        )
        try:
            result: Result = breaker(counted)()
        except _Counted as failure:
            failed = failure.error
        except CircuitBreakerOpenError as error:
            with self._lock:
                self._suspects[name] = None
            metrics.count_short_circuit(config)
            since = error.circuit.opened_at if error.circuit else None
            raise CircuitOpen(
                f"the provider at {_host(config)!r} was down for several calls, and is not asked for a while",
                retry_after=max(1.0, (since or time()) + _OPEN_SECONDS - time()),
            ) from error
        else:
            return result
        raise failed  # here, where the chain of what it came from holds nothing of this module


class _Counted(Exception):
    """A failure that counts against the circuit; it goes no further than this module."""

    def __init__(self, error: ProviderUnavailable) -> None:
        super().__init__()
        self.error = error


def circuit(config: ModelConfig) -> str:
    """The name of the circuit that a call belongs to."""
    owner = f"{config.tenant_id}|" if config.own_url else ""
    return f"{owner}{config.base_url}|{config.model_type.value}|{config.wire_name}"


def _counts(config: ModelConfig, error: ProviderUnavailable) -> bool:
    return error.outage or config.own_url


def _raising(error: Exception) -> Callable[[], NoReturn]:
    def attempt() -> NoReturn:
        raise error

    return attempt


def _host(config: ModelConfig) -> str:
    return urlsplit(config.base_url).hostname or config.base_url


def _tell(config: ModelConfig, transition: "CircuitTransition") -> None:
    state = transition.to_state.value.lower()
    logs.circuit(config, state)
    metrics.count_circuit(config, state)
