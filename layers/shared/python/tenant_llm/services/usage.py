"""Settling calls, and telling what was used."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import uuid4

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import InvalidRequest, TenantLLMError
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus, DayUsage, Settlement
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.usage_ledger import UsageRepository
from tenant_llm.services.resolution import Resolution
from tenant_llm.telemetry import logs, metrics


def _now() -> datetime:
    return datetime.now(UTC)


class UsageService:
    """Books usage, each call once."""

    def __init__(self, ledger: UsageRepository, resolution: Resolution, now: Callable[[], datetime] = _now) -> None:
        self._ledger = ledger
        self._resolution = resolution
        self._now = now

    def settle(
        self,
        caller: Caller,
        config: ModelConfig,
        usage: Usage,
        status: CallStatus = "ok",
        reservation: Reservation | None = None,
    ) -> None:
        """Book a call's usage. Never raises for storage: a good answer is not lost because its booking is.

        A settlement that could not be stored is logged whole at ERROR, from where it can be booked later.
        """
        settlement = self._settlement(config, usage, caller.request_id, status, reservation)
        try:
            self._ledger.settle(settlement)
        except TenantLLMError:
            logs.unsettled(settlement)
            metrics.count_unsettled()

    def increase(
        self,
        tenant_id: str,
        model_type: ModelType,
        used_tokens: int,
        llm_name: str | None = None,
        request_id: str | None = None,
    ) -> int:
        """Add tokens to the row that ``Resolution.config`` picks; a ``request_id`` makes it count once.

        Returns:
            Rows updated: 1, also for a repeat that was counted before; 0 where the model has no row.

        Raises:
            InvalidRequest: When ``used_tokens`` is not an integer of 0 or more.
            LookupFailed: When there is no such tenant, default or model.
        """
        if isinstance(used_tokens, bool) or not isinstance(used_tokens, int) or used_tokens < 0:
            raise InvalidRequest(f"used_tokens is {used_tokens!r}: not an integer of 0 or more", param="used_tokens")
        config = self._resolution.config(tenant_id, model_type, llm_name)
        if config.row is None:
            return 0
        settlement = self._settlement(config, Usage(input_tokens=used_tokens), request_id or uuid4().hex)
        return 0 if self._ledger.settle(settlement, require_row=True) == "no_row" else 1

    def days(self, tenant_id: str, since: date, until: date) -> list[DayUsage]:
        """The tenant's totals by day and model, both dates included."""
        return self._ledger.days(tenant_id, since, until)

    def _settlement(
        self,
        config: ModelConfig,
        usage: Usage,
        request_id: str,
        status: CallStatus = "ok",
        reservation: Reservation | None = None,
    ) -> Settlement:
        at = self._now()
        if reservation is None and config.budgets:  # tokens that were used elsewhere count, too
            reservation = Reservation(tuple(budget.counter(at) for budget in config.budgets))
        return Settlement(
            tenant_id=config.tenant_id,
            request_id=request_id,
            llm_name=config.llm_name,
            llm_factory=config.factory,
            model_type=config.model_type,
            usage=usage,
            at=at,
            row=config.row,
            status=status,
            reservation=reservation,
        )
