"""The Usage table: the ledger, one item a settled call, and the day's totals, one item a day and model.

A call is settled by one transaction that writes its ledger item if there is none, and adds its tokens to the model's
row and to the day. Whoever repeats it, the ledger item is there and nothing is added. A call that broke off and was
settled with what there was is corrected once, when a repeat of it ends well: the same transaction adds the difference.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from time import sleep
from typing import Literal

from pynamodb.connection import Connection
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayKey, DayUsage, Settlement
from tenant_llm.repositories.budgets import BudgetRepository, entry_of
from tenant_llm.repositories.tables import bound, connection, storage
from tenant_llm.repositories.tenant_llm import TenantLLM
from tenant_llm.repositories.transactions import ATTEMPTS, Refusals, transact
from tenant_llm.repositories.usage_items import (
    CallItem,
    DayItem,
    amounts,
    day_entry,
    day_usage,
    entry_of_day,
    fields_of,
    of_type,
    settled_by,
    summed,
    utc_day,
)
from tenant_llm.settings import Settings

type Outcome = Literal["counted", "corrected", "repeated", "no_row"]

MOST_TOGETHER = 45
"""Settlements that one transaction takes: two items each, and those of the row, the day and the budgets; at most 100
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html)."""

_ROUNDS = 8


@dataclass(slots=True)
class _Refused:
    """What stands in the way of a transaction, by the places of settlements; nothing of theirs where it is the row."""

    settled: dict[int, Settlement] = field(default_factory=dict)
    reserved: set[int] = field(default_factory=set)


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

    def settle(self, settlement: Settlement, *, require_row: bool = False, attempts: int = ATTEMPTS) -> Outcome:
        """Count a call's usage once, in one transaction.

        What is reserved for the call is given back by it, and the budgets are charged with what it has used instead.
        Where the settlement names a row that is gone, the call is settled without it: the tokens stay in the ledger
        and in the day. With ``require_row`` nothing is written then. ``attempts`` is how often it is tried while it
        meets other transactions.

        Returns:
            ``counted``; ``repeated`` where this request id of the tenant was counted before, or ``corrected`` where
            that was a call that broke off and this one did not; ``no_row`` only with ``require_row``.

        Raises:
            Contended: When it met other transactions or a throttle each time. The call may be settled again.
            ServiceUnavailable: When DynamoDB refuses. The call may be settled again.
        """
        row, earlier = settlement.row, None
        if require_row and row is None:
            return "no_row"
        for _ in range(_ROUNDS):
            refused = self._transact([settlement], row, earlier, attempts)
            if refused is None:
                return "counted" if earlier is None else "corrected"
            if refused.settled:
                there = refused.settled[0]
                if not settlement.supersedes(there):
                    return "repeated"
                earlier, row = there, there.row
                reservation = there.reservation or settlement.reservation
                settlement = replace(settlement, at=there.at, reservation=reservation)
            elif refused.reserved and settlement.reservation is not None:
                reservation = self._budgets.found(settlement, settlement.reservation)
                settlement = replace(settlement, reservation=reservation)
            elif require_row:
                return "no_row"
            else:
                row = None
        raise ServiceUnavailable(f"storage refuses: what is there of one call changed {_ROUNDS} times")

    def settle_together(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """Count several calls of one model and day in one transaction, each once.

        Args:
            settlements: ``MOST_TOGETHER`` at most, of the same ``account``, no request id twice.

        Returns:
            Those that are not counted by it, to be settled alone: what is there of them is not what was expected.

        Raises:
            Contended: When it met other transactions or a throttle each time. Nothing is counted then.
            ServiceUnavailable: When DynamoDB refuses.
        """
        alone: list[Settlement] = []
        rest = list(settlements)
        while rest:
            refused = self._transact(rest, rest[0].row, None, ATTEMPTS)
            if refused is None:
                break
            # Where it is none of their own items it is the row, which is gone for all of them.
            places = refused.settled.keys() | refused.reserved or set(range(len(rest)))
            alone += [rest[place] for place in sorted(places)]
            rest = [one for place, one in enumerate(rest) if place not in places]
        return alone

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
        first = f"day#{since.isoformat()}#" if after is None else entry_of_day(*after) + "\0"
        condition = self._days.entry.between(first, f"day#{until.isoformat()}$")
        with storage():
            for item in self._days.query(tenant_id, condition, consistent_read=True, page_size=at_once):
                yield day_usage(item)

    def count_error(self, tenant_id: str, address: str, model_type: ModelType, at: datetime) -> None:
        """Count a call that failed before it used anything. It may be counted twice where an answer is lost.

        There is no ledger item: a later success under the same request id has to count.

        Raises:
            ServiceUnavailable: When DynamoDB refuses.
        """
        day = self._days(tenant_id, entry_of_day(utc_day(at), address))
        with storage():
            day.update([self._days.errors.add(1), Path([of_type(model_type, "errors")]).add(1)])

    def _transact(
        self, settlements: Sequence[Settlement], row: str | None, earlier: Settlement | None, attempts: int
    ) -> _Refused | None:
        """Settle calls of one model and day; with ``earlier``, the one call in place of what was settled of it.

        Returns:
            ``None`` when they are settled; else nothing was written.
        """
        first = settlements[0]
        replaced = {} if earlier is None else {name: -amount for name, amount in amounts(earlier).items()}
        sums = summed([*map(amounts, settlements), replaced])
        already = 0 if earlier is None else earlier.usage.total_tokens
        tokens = sum(one.usage.total_tokens for one in settlements) - already
        charges: Counter[str] = Counter()
        for one in settlements:
            if one.reservation is not None:
                charges.update(one.reservation.charges(one.usage.total_tokens - already))

        def write(transaction: TransactWrite) -> None:
            for one in settlements:
                self._put(transaction, one, row, earlier)
                if one.reservation is not None:
                    self._budgets.give_back(transaction, one, one.reservation)
            if row is not None:
                transaction.update(
                    self._rows(first.tenant_id, row),
                    [self._rows.used_tokens.add(tokens)],
                    self._rows.tenant_id.exists(),
                )
            additions: list[Action] = [
                Path([name]).add(amount) for name, amount in sums.items() if amount or earlier is None
            ]
            if additions:
                transaction.update(self._days(first.tenant_id, day_entry(first)), additions)
            self._budgets.charge(transaction, first.tenant_id, charges, first.at)

        refusals = transact(self._connection, self._sleep, write, attempts)
        return self._refused(settlements, refusals) if refusals else None

    def _put(
        self, transaction: TransactWrite, settlement: Settlement, row: str | None, earlier: Settlement | None
    ) -> None:
        item = self._calls(
            settlement.tenant_id,
            entry_of("call", settlement.request_id),
            **fields_of(settlement, row),
            expires_at=settlement.at + self._keep,
        )
        condition = self._calls.tenant_id.does_not_exist() if earlier is None else self._calls.status == earlier.status
        transaction.save(item, condition, return_values="ALL_OLD")

    def _refused(self, settlements: Sequence[Settlement], refusals: Refusals) -> _Refused:
        """The refusals by settlement; they come in the order of pynamodb: checks, deletes, puts, updates."""
        checked = [place for place, one in enumerate(settlements) if one.reservation and not one.reservation.held]
        deleted = [place for place, one in enumerate(settlements) if one.reservation and one.reservation.held]
        reserved, refusals = refusals[: len(checked + deleted)], refusals[len(checked + deleted) :]
        return _Refused(
            {
                place: settled_by(self._calls.from_raw_data(refusal.raw_item or {}))
                for place, refusal in enumerate(refusals[: len(settlements)])
                if refusal is not None
            },
            {place for place, refusal in zip(checked + deleted, reserved, strict=True) if refusal is not None},
        )
