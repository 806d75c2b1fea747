"""Budgets in the Usage table: one counter a budget and period, and one item a reservation.

``committed`` of a counter is what is used and what is reserved, in one number, since a condition cannot add two. It
grows when a call reserves, and by the difference when the call is settled; so it never has to be known to be changed.

A reservation that nobody settles is over at ``ends_at`` and is given back by whoever meets a full budget. Its TTL is
another attribute and comes only when its periods are long over: an item that DynamoDB deleted could not be given back.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from time import sleep

from pynamodb.attributes import MapAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.settlement import Settlement
from tenant_llm.repositories.tables import REFUSED, bound, connection, storage
from tenant_llm.repositories.transactions import transact
from tenant_llm.settings import Settings

# A month, and some of them: a settlement may come late from wherever it had to wait.
_KEEP = timedelta(days=100)
_TAKEOVERS = 8
# Whoever gives them back is on the way to a provider: it goes on as soon as there is room.
_AT_ONCE = 25
# A sort key has at most 1024 bytes; callers choose their request ids
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
_LONGEST_REQUEST_ID = 256


def entry_of(kind: str, request_id: str) -> str:
    """The sort key of a call's item of that kind."""
    if len(request_id.encode()) > _LONGEST_REQUEST_ID:
        request_id = f"sha256:{sha256(request_id.encode()).hexdigest()}"
    return f"{kind}#{request_id}"


class CounterItem(Model):
    """What is committed of a budget in one period."""

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    committed = NumberAttribute()
    expires_at = TTLAttribute()


class ReservationItem(Model):
    """What a call holds, by counter, and until when it is its own."""

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    held = MapAttribute[str, int]()  # type: ignore[no-untyped-call]
    ends_at = UTCDateTimeAttribute()
    expires_at = TTLAttribute()


class BudgetRepository:
    """Reserves, charges and gives back. Every method raises ``ServiceUnavailable`` when DynamoDB refuses.

    ``sleep`` waits between attempts, a seam for tests.
    """

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = sleep) -> None:
        self._counters = bound(CounterItem, settings.usage_table)
        self._reservations = bound(ReservationItem, settings.usage_table)
        self._connection = connection()
        self._sleep = sleep

    def reserve(
        self, tenant_id: str, request_id: str, tokens: int, limits: Mapping[str, int | None], ends_at: datetime
    ) -> Reservation | dict[str, int]:
        """Hold tokens of every counter, or of none.

        A repeat of a call takes over what is held for it. Where the call is settled nothing is held: it counts no more.

        Args:
            tenant_id: whose counters.
            request_id: for which call.
            tokens: how many, of each.
            limits: the counters, and what each may come to; a limit is no less than ``tokens``.
            ends_at: when the call cannot be running any longer.

        Returns:
            The reservation; or the counters that have no room, with what is committed of them.
        """
        reservation = Reservation(tuple(limits), dict.fromkeys(limits, tokens))
        item = self._item(tenant_id, request_id, reservation.held, ends_at)

        def write(transaction: TransactWrite) -> None:
            call = entry_of("call", request_id)
            none = self._reservations.tenant_id.does_not_exist()
            transaction.condition_check(self._reservations, tenant_id, call, none)
            transaction.save(item, none)
            for counter, limit in limits.items():
                self._add(transaction, (tenant_id, counter), tokens, ends_at, limit)

        for _ in range(_TAKEOVERS):
            refused = transact(self._connection, self._sleep, write)
            if not refused:
                return reservation
            settled, there, *full = refused
            if settled is not None:
                return reservation.holding({})
            if there is None:
                return {
                    counter: int((reason.raw_item or {})["committed"]["N"])
                    for counter, reason in zip(limits, full, strict=True)
                    if reason is not None
                }
            held = self._prolonged(tenant_id, request_id, ends_at)
            if held:
                return reservation.holding(held)
        raise ServiceUnavailable(f"storage refuses: {_TAKEOVERS} reservations of one call came and went")

    def give_back(self, transaction: TransactWrite, settlement: Settlement, reservation: Reservation) -> None:
        """End what is held for a call, as a part of the transaction that settles it; see ``found`` where it is refused.

        It is one item: a check where nothing is held, else a deletion.
        """
        tenant_id, entry = settlement.tenant_id, entry_of("reservation", settlement.request_id)
        if reservation.held:
            held = self._reservations.held == dict(reservation.held)
            transaction.delete(self._reservations(tenant_id, entry), held)
        else:
            none = self._reservations.tenant_id.does_not_exist()
            transaction.condition_check(self._reservations, tenant_id, entry, none)

    def charge(self, transaction: TransactWrite, tenant_id: str, charges: Mapping[str, int], at: datetime) -> None:
        """Add to counters what calls have used and less what they held, as a part of that transaction."""
        for counter, tokens in charges.items():
            self._add(transaction, (tenant_id, counter), tokens, at)

    def found(self, settlement: Settlement, reservation: Reservation) -> Reservation:
        """The reservation with what is held for the call by now."""
        item = self._find(settlement.tenant_id, settlement.request_id)
        return reservation.holding(_held(item) if item else {})

    def release(self, tenant_id: str, request_id: str, reservation: Reservation) -> bool:
        """Give back what a call holds that used nothing.

        Returns:
            Whether it was given back; ``False`` where it is no longer held.
        """
        item = self._item(tenant_id, request_id, reservation.held)
        return bool(reservation.held) and self._release(item)

    def release_ended(self, tenant_id: str, now: datetime) -> int:
        """Give back what calls hold that have ended without a word, some of them at a time.

        Returns:
            How many they were, also where somebody else gave them back meanwhile: it may be worth trying again.
        """
        with storage():
            condition = self._reservations.entry.startswith("reservation#")
            query = self._reservations.query(tenant_id, condition, consistent_read=True)
            ended = list(islice((item for item in query if item.ends_at < now), _AT_ONCE))
        for item in ended:
            self._release(item, now)
        return len(ended)

    def committed(self, tenant_id: str, counters: Iterable[str]) -> dict[str, int]:
        """What is committed of each of the counters."""
        wanted = set(counters)
        found: dict[str, int] = {}
        # A counter's key begins with its period: one short run of keys for the days, one for the months.
        for window in sorted({counter.split("#", 2)[1] for counter in wanted}):
            condition = self._counters.entry.startswith(f"budget#{window}#")
            with storage():
                items = list(self._counters.query(tenant_id, condition, consistent_read=True))
            found |= {item.entry: int(item.committed) for item in items}
        return {counter: found.get(counter, 0) for counter in wanted}

    def _release(self, item: ReservationItem, ended_by: datetime | None = None) -> bool:
        tenant_id, held = item.tenant_id, _held(item)

        def write(transaction: TransactWrite) -> None:
            same = self._reservations.held == held
            over = same if ended_by is None else same & (self._reservations.ends_at < ended_by)
            transaction.delete(self._reservations(tenant_id, item.entry), over)
            for counter, tokens in held.items():
                self._add(transaction, (tenant_id, counter), -tokens, None)

        return not transact(self._connection, self._sleep, write)

    def _add(
        self,
        transaction: TransactWrite,
        key: tuple[str, str],
        tokens: int,
        at: datetime | None,
        limit: int | None = None,
    ) -> None:
        row = self._counters
        actions: list[Action] = [row.committed.add(tokens)]
        if at is not None:
            actions.append(row.expires_at.set(at + _KEEP))
        room = None if limit is None else row.committed.does_not_exist() | (row.committed <= limit - tokens)
        transaction.update(row(*key), actions, room, return_values=None if room is None else "ALL_OLD")

    def _prolonged(self, tenant_id: str, request_id: str, ends_at: datetime) -> dict[str, int]:
        """What is held for the call by another attempt of it, from now on until the end of this one."""
        item = self._find(tenant_id, request_id)
        if item is None:
            return {}
        held, row = _held(item), self._reservations
        with storage():
            try:
                item.update(
                    [row.ends_at.set(max(ends_at, item.ends_at))],
                    (row.held == held) & (row.ends_at == item.ends_at),
                )
            except UpdateError as error:
                if error.cause_response_code != REFUSED:
                    raise
                return {}
        return held

    def _find(self, tenant_id: str, request_id: str) -> ReservationItem | None:
        with storage():
            try:
                return self._reservations.get(tenant_id, entry_of("reservation", request_id), consistent_read=True)
            except self._reservations.DoesNotExist:
                return None

    def _item(
        self, tenant_id: str, request_id: str, held: Mapping[str, int], ends_at: datetime | None = None
    ) -> ReservationItem:
        entry = entry_of("reservation", request_id)
        expires_at = None if ends_at is None else ends_at + _KEEP
        return self._reservations(tenant_id, entry, held=dict(held), ends_at=ends_at, expires_at=expires_at)


def _held(item: ReservationItem) -> dict[str, int]:
    return {counter: int(tokens) for counter, tokens in item.held.attribute_values.items()}
