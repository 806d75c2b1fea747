"""The Usage table: the ledger, one item a settled call, and the day's totals, one item a day and model.

A call is settled by one transaction that writes its ledger item if there is none, and adds its tokens to the model's
row and to the day. Whoever repeats it, the ledger item is there and nothing is added.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
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
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import COUNTS, DayKey, DayUsage, Settlement
from tenant_llm.repositories.budgets import BudgetRepository, entry_of
from tenant_llm.repositories.tables import bound, connection, storage
from tenant_llm.repositories.tenant_llm import TenantLLM
from tenant_llm.repositories.transactions import transact
from tenant_llm.settings import Settings

type Outcome = Literal["counted", "repeated", "no_row"]

_NATIVE = "native_"
_OF_TYPE = "#"
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
    """A day's totals of one model, and the same by type, in attributes such as ``chat#calls``.

    Native units are attributes ``native_<unit>`` and ``chat#native_<unit>``: what is added to stands at the top level.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
    """

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    calls = NumberAttribute(default=0)
    errors = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cached_tokens = NumberAttribute(default=0)
    cache_write_tokens = NumberAttribute(default=0)
    reasoning_tokens = NumberAttribute(default=0)
    estimated_tokens = NumberAttribute(default=0)

    added: dict[str, float]
    """The attributes that the class does not name."""

    @classmethod
    @override
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        item = super().from_raw_data(data)
        unnamed = {name: value for name, value in data.items() if name.startswith(_NATIVE) or _OF_TYPE in name}
        item.added = {name: NumberAttribute().deserialize(value["N"]) for name, value in sorted(unnamed.items())}
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
        return list(self.read_days(tenant_id, since, until))

    def read_days(
        self, tenant_id: str, since: date, until: date, after: DayKey | None = None, at_once: int | None = None
    ) -> Iterator[DayUsage]:
        """The same one by one, those after a day and model; ``at_once`` is how many are read at once, else 1 MB.

        Raises:
            ServiceUnavailable: When DynamoDB refuses.
        """
        # "$" is the character after "#": everything of the last day lies before it. No text lies between one and the
        # same with "\0" behind it.
        first = f"day#{since.isoformat()}#" if after is None else _entry(*after) + "\0"
        condition = self._days.entry.between(first, f"day#{until.isoformat()}$")
        with storage():
            for item in self._days.query(tenant_id, condition, consistent_read=True, page_size=at_once):
                yield _day_usage(item)

    def count_error(self, tenant_id: str, address: str, model_type: ModelType, at: datetime) -> None:
        """Count a call that failed before it used anything. It may be counted twice where an answer is lost.

        There is no ledger item: a later success under the same request id has to count.

        Raises:
            ServiceUnavailable: When DynamoDB refuses.
        """
        name = f"{model_type.value}{_OF_TYPE}{self._days.errors.attr_name}"
        day = self._days(tenant_id, _entry(_utc_day(at), address))
        with storage():
            day.update([self._days.errors.add(1), Path([name]).add(1)])

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
            transaction.update(day, list(_additions(settlement)))
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
    return _entry(_utc_day(settlement.at), settlement.address)


def _entry(day: date, address: str) -> str:
    return f"day#{day.isoformat()}#{address}"


def _utc_day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _native(settlement: Settlement) -> dict[str, float]:
    """The native units that can be counted: an amount that is no number, or beyond counting, is none."""
    return {
        unit: amount
        for unit, amount in settlement.usage.native.items()
        if isfinite(amount) and abs(amount) < _LARGEST_AMOUNT
    }


def _additions(settlement: Settlement) -> Iterator[Action]:
    usage = settlement.usage
    amounts: dict[str, float] = {
        "calls": 1,
        "errors": int(settlement.failed),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated_tokens": usage.total_tokens if usage.estimated else 0,
    }
    # pynamodb writes a float as its shortest decimal, and DynamoDB adds decimals: sums stay exact.
    native = {_NATIVE + unit: amount for unit, amount in _native(settlement).items()}
    for name, amount in (amounts | native).items():
        if amount or name in native:
            yield Path([name]).add(amount)
            yield Path([f"{settlement.model_type.value}{_OF_TYPE}{name}"]).add(amount)


def _day_usage(item: DayItem) -> DayUsage:
    _, day, address = item.entry.split("#", 2)
    llm_name, _, llm_factory = address.rpartition("@")
    of = partial(DayUsage, date.fromisoformat(day), llm_name, llm_factory)
    types = {name.partition(_OF_TYPE)[0] for name in item.added if _OF_TYPE in name}
    return of(
        **{name: int(getattr(item, name)) for name in COUNTS},
        native=_units(item, _NATIVE),
        by_type={kind: of(**_counts_of(item, kind)) for kind in ModelType if kind.value in types},
    )


def _counts_of(item: DayItem, kind: ModelType) -> dict[str, Any]:
    prefix = kind.value + _OF_TYPE
    counts = {name: int(item.added.get(prefix + name, 0)) for name in COUNTS}
    return {**counts, "native": _units(item, prefix + _NATIVE)}


def _units(item: DayItem, prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): amount for name, amount in item.added.items() if name.startswith(prefix)}
