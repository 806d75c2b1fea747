"""The Usage table: the ledger, one item a settled call, and the day's totals, one item a day and model.

A call is settled by one transaction that writes its ledger item if there is none, and adds its tokens to the model's
row and to the day. Whoever repeats it, the ledger item is there and nothing is added.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from time import sleep
from typing import Any, Literal, Self, override

from pynamodb.attributes import (
    BooleanAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.settlement import DayUsage, Settlement
from tenant_llm.repositories.budgets import BudgetRepository, entry_of
from tenant_llm.repositories.tables import bound, connection, storage
from tenant_llm.repositories.tenant_llm import TenantLLM
from tenant_llm.repositories.transactions import transact
from tenant_llm.settings import Settings

type Outcome = Literal["counted", "repeated", "no_row"]

_NATIVE = "native_"
_ATTEMPTS = 8
# The largest magnitude of a DynamoDB number is just under 1e126, and a total must still fit.
_LARGEST_AMOUNT = 1e100


class CallItem(Model):
    """A ledger item: what one call used. It expires some time after the accounts of its day are closed."""

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    request_id = UnicodeAttribute()
    llm_name = UnicodeAttribute()
    llm_factory = UnicodeAttribute()
    model_type = UnicodeAttribute()
    row = UnicodeAttribute(null=True)
    input_tokens = NumberAttribute()
    output_tokens = NumberAttribute()
    cached_tokens = NumberAttribute()
    cache_write_tokens = NumberAttribute()
    reasoning_tokens = NumberAttribute()
    native = MapAttribute[str, float](default=dict)  # type: ignore[no-untyped-call]
    estimated = BooleanAttribute()
    status = UnicodeAttribute()
    at = UTCDateTimeAttribute()
    expires_at = TTLAttribute()


class DayItem(Model):
    """A day's totals of one model. Native units are attributes ``native_<unit>``: only those can be added to.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
    """

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    calls = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cached_tokens = NumberAttribute(default=0)
    cache_write_tokens = NumberAttribute(default=0)
    reasoning_tokens = NumberAttribute(default=0)
    estimated_tokens = NumberAttribute(default=0)

    native: dict[str, float]

    @classmethod
    @override
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        item = super().from_raw_data(data)
        units = {name.removeprefix(_NATIVE): value for name, value in data.items() if name.startswith(_NATIVE)}
        item.native = {unit: NumberAttribute().deserialize(value["N"]) for unit, value in sorted(units.items())}
        return item


class UsageRepository:
    """Settles calls and tells the days' totals.

    ``sleep`` waits between attempts, a seam for tests.
    """

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = sleep) -> None:
        self._calls = bound(CallItem, settings.usage_table)
        self._days = bound(DayItem, settings.usage_table)
        self._rows = bound(TenantLLM, settings.tenant_llm_table)
        self._keep = timedelta(days=settings.ledger_days)
        self._budgets = BudgetRepository(settings, sleep)
        self._connection: Connection = connection()
        self._sleep = sleep

    def settle(self, settlement: Settlement, *, require_row: bool = False) -> Outcome:
        """Count a call's usage once, in one transaction.

        What is reserved for the call is given back by it, and the budgets are charged with what it has used instead.
        Where the settlement names a row that is gone, the call is settled without it: the tokens stay in the ledger
        and in the day. With ``require_row`` nothing is written then.

        Returns:
            ``counted``; ``repeated`` where this request id of the tenant was counted before; ``no_row`` only with
            ``require_row``.

        Raises:
            ServiceUnavailable: When DynamoDB refuses or keeps conflicting. The call may be settled again.
        """
        for _ in range(_ATTEMPTS):
            outcome = self._settle(settlement, require_row=require_row)
            if not isinstance(outcome, Reservation):
                return outcome
            settlement = replace(settlement, reservation=outcome)
        raise ServiceUnavailable(f"storage refuses: {_ATTEMPTS} reservations of one call came and went")

    def days(self, tenant_id: str, since: date, until: date) -> list[DayUsage]:
        """The tenant's totals by day, then by model; both dates included.

        Raises:
            ServiceUnavailable: When DynamoDB refuses.
        """
        # "$" is the character after "#": everything of the last day lies before it.
        condition = self._days.entry.between(f"day#{since.isoformat()}#", f"day#{until.isoformat()}$")
        with storage():
            return [_day_usage(item) for item in self._days.query(tenant_id, condition, consistent_read=True)]

    def _settle(self, settlement: Settlement, *, require_row: bool) -> Outcome | Reservation:
        if settlement.row is not None:
            outcome = self._transact(settlement, settlement.row)
            if outcome != "no_row" or require_row:
                return outcome
        elif require_row:
            return "no_row"
        return self._transact(settlement, None)

    def _transact(self, settlement: Settlement, row: str | None) -> Outcome | Reservation:
        """The outcome of one transaction; or what is reserved for the call by now, where that is something else."""
        reservation = settlement.reservation

        def write(transaction: TransactWrite) -> None:
            transaction.save(self._call_item(settlement, row), self._calls.tenant_id.does_not_exist())
            day = self._days(settlement.tenant_id, _day_entry(settlement))
            transaction.update(day, list(_additions(self._days, settlement)))
            if row is not None:
                transaction.update(
                    self._rows(settlement.tenant_id, row),
                    [self._rows.used_tokens.add(settlement.usage.total_tokens)],
                    self._rows.tenant_id.exists(),
                )
            if reservation is not None:
                self._budgets.charge(transaction, settlement, reservation)

        refused = transact(self._connection, self._sleep, write)
        if not refused:
            return "counted"
        other_reservation = refused.pop(0) if reservation is not None else None
        if refused[0] is not None:  # the rest is in the order of the items: ledger, day, row
            return "repeated"
        if reservation is not None and other_reservation is not None:
            return self._budgets.found(settlement, reservation)
        return "no_row"

    def _call_item(self, settlement: Settlement, row: str | None) -> CallItem:
        usage = settlement.usage
        return self._calls(
            settlement.tenant_id,
            entry_of("call", settlement.request_id),
            request_id=settlement.request_id,
            llm_name=settlement.llm_name,
            llm_factory=settlement.llm_factory,
            model_type=settlement.model_type.value,
            row=row,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            native=_native(settlement),
            estimated=usage.estimated,
            status=settlement.status,
            at=settlement.at,
            expires_at=settlement.at + self._keep,
        )


def _day_entry(settlement: Settlement) -> str:
    return f"day#{settlement.at.astimezone(UTC).date().isoformat()}#{settlement.address}"


def _native(settlement: Settlement) -> dict[str, float]:
    """The native units that can be counted: an amount that is no number, or beyond counting, is none."""
    return {
        unit: amount
        for unit, amount in settlement.usage.native.items()
        if isfinite(amount) and abs(amount) < _LARGEST_AMOUNT
    }


def _additions(day: type[DayItem], settlement: Settlement) -> Iterator[Action]:
    usage = settlement.usage
    yield day.calls.add(1)
    for attribute, amount in (
        (day.input_tokens, usage.input_tokens),
        (day.output_tokens, usage.output_tokens),
        (day.cached_tokens, usage.cached_tokens),
        (day.cache_write_tokens, usage.cache_write_tokens),
        (day.reasoning_tokens, usage.reasoning_tokens),
        (day.estimated_tokens, usage.total_tokens if usage.estimated else 0),
    ):
        if amount:
            yield attribute.add(amount)
    for unit, quantity in _native(settlement).items():
        # pynamodb writes a float as its shortest decimal, and DynamoDB adds decimals: sums stay exact.
        yield Path([_NATIVE + unit]).add(quantity)


def _day_usage(item: DayItem) -> DayUsage:
    _, day, address = item.entry.split("#", 2)
    llm_name, _, llm_factory = address.rpartition("@")
    return DayUsage(
        day=datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date(),
        llm_name=llm_name,
        llm_factory=llm_factory,
        calls=int(item.calls),
        input_tokens=int(item.input_tokens),
        output_tokens=int(item.output_tokens),
        cached_tokens=int(item.cached_tokens),
        cache_write_tokens=int(item.cache_write_tokens),
        reasoning_tokens=int(item.reasoning_tokens),
        estimated_tokens=int(item.estimated_tokens),
        native=item.native,
    )
