"""Budgets: room for a call before its provider is dialled, and what is left of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Literal, override

from tenant_llm.domain.budget import Budget, BudgetState, Reservation
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import BudgetExceeded, ServiceUnavailable, TenantLLMError, TenantNotFound
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.tokens import AnyRequest, expected_tokens
from tenant_llm.repositories.budgets import BudgetRepository
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.telemetry import logs, metrics

# A call ends by its deadline; the rest is for settling it, and for clocks that differ.
_MARGIN = timedelta(seconds=60)
# Four soft limits may be refused, one after the other; the rest is for reservations that have ended, some each time.
_ROUNDS = 24


def _now() -> datetime:
    return datetime.now(UTC)


class BudgetService:
    """Keeps calls within the tenants' hard budgets, and says when soft ones are passed."""

    def __init__(
        self, budgets: BudgetRepository, tenants: TenantRepository, now: Callable[[], datetime] = _now
    ) -> None:
        self._budgets = budgets
        self._tenants = tenants
        self._now = now

    def states(self, tenant_id: str) -> list[BudgetState]:
        """The tenant's budgets, and what is committed of them.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        tenant = self._tenants.find(tenant_id)
        if tenant is None:
            raise TenantNotFound("Tenant not found", param="tenant_id")
        at = self._now()
        committed = self._budgets.committed(tenant_id, [budget.counter(at) for budget in tenant.budgets])
        return [BudgetState(one, committed[one.counter(at)], one.renews_at(at)) for one in tenant.budgets]

    def reserve(self, caller: Caller, config: ModelConfig, tokens: int) -> Reservation:
        """Room for that many tokens in each of the model's budgets.

        Where storage refuses, soft budgets let the call pass: what it uses is charged when it is settled.

        Raises:
            BudgetExceeded: When a hard budget has no room.
            ServiceUnavailable: When storage refuses and a budget is hard.
        """
        try:
            return self._reserve(caller, config, tokens)
        except ServiceUnavailable as error:
            if any(budget.hard is not None for budget in config.budgets):
                raise
            logs.budgets_unchecked(config, error)
            metrics.count_unchecked_budget(config)
            counters = [budget.counter(self._now()) for budget in config.budgets]
            return Reservation(tuple(counters), dict.fromkeys(counters, tokens))  # maybe: an answer may have been lost

    def release(self, caller: Caller, config: ModelConfig, reservation: Reservation) -> None:
        """Give back what a call holds that used nothing. Where storage refuses, it ends by itself, later."""
        try:
            self._budgets.release(caller.tenant_id, caller.request_id, reservation)
        except ServiceUnavailable as error:
            logs.unreleased(config, error)

    def _reserve(self, caller: Caller, config: ModelConfig, tokens: int) -> Reservation:
        at = self._now()
        ends_at = at + timedelta(seconds=caller.deadline.remaining()) + _MARGIN
        budgets = {budget.counter(at): budget for budget in config.budgets}
        if too_small := [budget for budget in budgets.values() if budget.hard is not None and budget.hard < tokens]:
            raise _too_much(config, too_small[0], tokens, at)
        # A soft limit is a condition, too, until it is refused: so passing it costs a call that is within it nothing.
        within_soft = {counter for counter, budget in budgets.items() if tokens <= (budget.soft or 0)}
        full: dict[str, int] = {}
        for _ in range(_ROUNDS):
            limits = {
                counter: budget.soft if counter in within_soft else budget.hard for counter, budget in budgets.items()
            }
            outcome = self._budgets.reserve(caller.tenant_id, caller.request_id, tokens, limits, ends_at)
            if isinstance(outcome, Reservation):
                for counter, budget in budgets.items():
                    if budget.soft is not None and counter not in within_soft:
                        _tell(config, budget, "soft")
                return outcome
            full = {counter: committed for counter, committed in outcome.items() if counter not in within_soft}
            within_soft -= outcome.keys()
            if full and not self._budgets.release_ended(caller.tenant_id, at):
                break
        raise _exceeded(config, {budgets[counter]: full[counter] for counter in full}, tokens, at)


class Hold(AbstractContextManager[None]):
    """What one call holds of its tenant's budgets: taken when its provider is first dialled, given back if that fails.

    The parts of a call that run beside each other share it. Without budgets it does nothing.
    """

    def __init__(self, service: BudgetService, caller: Caller, config: ModelConfig, request: AnyRequest) -> None:
        self._service = service
        self._caller = caller
        self._config = config
        self._request = request
        self._lock = Lock()
        self._outcome: Reservation | TenantLLMError | None = None

    @property
    def reservation(self) -> Reservation | None:
        """What the settlement is to give back; ``None`` where nothing was reserved."""
        return self._outcome if isinstance(self._outcome, Reservation) else None

    @override
    def __enter__(self) -> None:
        if not self._config.budgets:
            return
        with self._lock:
            if self._outcome is None:
                self._outcome = self._take()
        if isinstance(self._outcome, TenantLLMError):
            raise self._outcome

    @override
    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # Whoever has hung up is charged with what was asked for, or it ends by itself: there may be a bill.
        if error is not None and self.reservation is not None and not self._caller.deadline.line.hung_up:
            self._service.release(self._caller, self._config, self.reservation)

    def _take(self) -> Reservation | TenantLLMError:
        try:
            return self._service.reserve(self._caller, self._config, expected_tokens(self._request))
        except TenantLLMError as error:
            return error


def _tell(config: ModelConfig, budget: Budget, kind: Literal["soft", "hard"]) -> None:
    logs.over_budget(config, budget, kind)
    metrics.count_over_budget(config, kind)


def _too_much(config: ModelConfig, budget: Budget, tokens: int, at: datetime) -> BudgetExceeded:
    _tell(config, budget, "hard")
    return BudgetExceeded(
        f"this call may take {tokens} tokens, more than the whole budget of {budget.hard} {budget}, "
        f"which renews at {budget.renews_at(at).isoformat()}: ask for less, or cap the output"
    )


def _exceeded(config: ModelConfig, full: dict[Budget, int], tokens: int, at: datetime) -> BudgetExceeded:
    budget = max(full, key=lambda one: one.renews_at(at))
    _tell(config, budget, "hard")
    renews_at = budget.renews_at(at)
    return BudgetExceeded(
        f"the budget of {budget.hard} tokens {budget} has no room: {full[budget]} are used or reserved, this call may "
        f"take {tokens}; it renews at {renews_at.isoformat()}",
        retry_after=(renews_at - at).total_seconds(),
    )
