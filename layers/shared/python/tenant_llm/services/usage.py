"""Settling calls, and telling what was used."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from random import random
from time import monotonic
from uuid import uuid4

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest, TenantLLMError
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus, Settlement
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.transactions import ATTEMPTS, Contended
from tenant_llm.repositories.usage_ledger import MOST_TOGETHER, Outcome, UsageRepository
from tenant_llm.repositories.usage_queue import UsageQueue
from tenant_llm.services.patience import within
from tenant_llm.services.resolution import Resolution
from tenant_llm.telemetry import logs, metrics

# With all the time in the world a caller waits that long for each; the least of both together, when his time is over,
# is within the second that the entrypoint keeps back.
_LEDGER_SECONDS = (0.5, 2.0)
_QUEUE_SECONDS = (0.4, 1.0)
_BOOK_SECONDS = 5.0
# Where many calls add to one counter, nearly all transactions are cancelled: a process that met that goes to the queue
# for about a minute, where they are booked together. How it comes out: benchmarks/hot_counter.py.
_CONTENDED_ATTEMPTS = 4
_CONTENDED_SECONDS = 60.0
# How long an answer waits for a count that it does not depend on; DynamoDB mostly takes some milliseconds.
_FAILED_SECONDS = 0.3


def _bounded(limits: tuple[float, float], deadline: Deadline) -> float:
    least, most = limits
    return min(most, max(least, deadline.seconds()))


def _now() -> datetime:
    return datetime.now(UTC)


class UsageService:
    """Books usage, each call once."""

    def __init__(
        self,
        ledger: UsageRepository,
        resolution: Resolution,
        queue: UsageQueue | None = None,
        now: Callable[[], datetime] = _now,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ledger = ledger
        self._resolution = resolution
        self._queue = queue
        self._now = now
        self._clock = clock
        self._contended: dict[object, float] = {}

    def settle(
        self,
        caller: Caller,
        config: ModelConfig,
        usage: Usage,
        status: CallStatus = "ok",
        reservation: Reservation | None = None,
    ) -> None:
        """Book a call's usage. Never raises for storage: a good answer is not lost because its booking is.

        What the ledger does not take goes to the queue, and what neither takes is logged whole at ERROR, from where it
        can be booked later. The caller waits no longer than 3 s for all of it, nor longer than the entrypoint
        keeps back of Lambda's time. An attempt that was left alone may still succeed: the ledger counts a call once.
        """
        settlement = self._settlement(config, usage, caller.request_id, status, reservation)
        errors: list[Exception] = []
        for place, store in self._stores(settlement).items():
            try:
                store(settlement, caller.deadline)
            except Exception as error:  # noqa: BLE001 (whatever it was, a settlement that is kept can be booked)
                errors.append(error)
            else:
                if place == "queue":
                    logs.queued(settlement, *errors)
                    metrics.count_queued()
                return
        logs.unsettled(settlement, *errors)
        metrics.count_unsettled()

    def book(self, settlement: Settlement) -> Outcome:
        """Book a settlement that comes from the queue or a log.

        Raises:
            ServiceUnavailable: When the ledger does not take it; it may be booked again.
        """
        return within(_BOOK_SECONDS, partial(self._ledger.settle, settlement))

    def book_all(
        self, settlements: Sequence[Settlement], has_time: Callable[[], bool] = lambda: True
    ) -> list[Exception | None]:
        """Book settlements, together where they add to the same counters; ``has_time`` is asked before each step.

        Returns:
            What kept each of them from being booked, in their order; ``None`` where it is booked. One that is not may
            be booked again.
        """
        errors: list[Exception | None] = [TimeoutError("no time was left")] * len(settlements)
        for places in _groups(settlements):
            for request_id, error in self._book_group([settlements[place] for place in places.values()], has_time):
                errors[places[request_id]] = error
        return errors

    def failed(self, config: ModelConfig) -> None:
        """Count a call that its provider failed before anything was delivered: at once, or some time, or not at all.

        Never raises, and never takes longer than moments, whatever becomes of storage: the caller waits for an error.
        """
        count = partial(self._ledger.count_error, config.tenant_id, config.address, config.model_type, self._now())
        with suppress(TenantLLMError):  # the call itself is in logs and metrics
            within(_FAILED_SECONDS, count)

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

    def _stores(self, settlement: Settlement) -> dict[str, Callable[[Settlement, Deadline], None]]:
        """Where a settlement may go, in the order in which that is to be tried."""
        if self._queue is None:
            return {"ledger": self._to_ledger}
        to_queue = partial(_to_queue, self._queue)
        if self._clock() < self._contended.get(settlement.account, 0):
            return {"queue": to_queue, "ledger": self._to_ledger}
        return {"ledger": self._to_ledger, "queue": to_queue}

    def _to_ledger(self, settlement: Settlement, deadline: Deadline) -> None:
        attempts = ATTEMPTS if self._queue is None else _CONTENDED_ATTEMPTS
        try:
            within(_bounded(_LEDGER_SECONDS, deadline), partial(self._ledger.settle, settlement, attempts=attempts))
        except Contended:
            seconds = _CONTENDED_SECONDS * (0.5 + random())  # noqa: S311 - not all processes at once
            self._contended[settlement.account] = self._clock() + seconds
            raise

    def _book_group(
        self, group: list[Settlement], has_time: Callable[[], bool]
    ) -> Iterator[tuple[str, Exception | None]]:
        """Book settlements that one transaction takes; tells of each that was tried, by its request id."""
        if not has_time():
            return
        alone = group
        if len(group) > 1:
            try:
                alone = within(_BOOK_SECONDS, partial(self._ledger.settle_together, group))
            except Exception as error:  # noqa: BLE001 (told with each)
                yield from ((settlement.request_id, error) for settlement in group)
                return
            yield from ((settlement.request_id, None) for settlement in group if settlement not in alone)
        for settlement in alone:
            if has_time():
                yield settlement.request_id, self._refusal(settlement)

    def _refusal(self, settlement: Settlement) -> Exception | None:
        try:
            self.book(settlement)
        except Exception as error:  # noqa: BLE001 (told with it)
            return error
        return None

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


def _to_queue(queue: UsageQueue, settlement: Settlement, deadline: Deadline) -> None:
    within(_bounded(_QUEUE_SECONDS, deadline), partial(queue.send, settlement))


def _groups(settlements: Sequence[Settlement]) -> list[dict[str, int]]:
    """The places of settlements that may be booked together, by request id."""
    accounts: dict[object, list[dict[str, int]]] = {}
    for place, settlement in enumerate(settlements):
        groups = accounts.setdefault(settlement.account, [])
        has_room = (group for group in groups if len(group) < MOST_TOGETHER and settlement.request_id not in group)
        group = next(has_room, None)
        if group is None:
            groups.append(group := {})
        group[settlement.request_id] = place
    return [group for groups in accounts.values() for group in groups]
