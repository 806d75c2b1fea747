"""``python -m benchmarks.hot_counter``: how many settlements a second one model's counters take, simulated.

All calls of a tenant's model add to the same items: its row, its day, the counters of its budgets. DynamoDB lets one
transaction at a time at an item and cancels the others, and takes about 1,000 write units a second of it, of which an
item of a transaction costs two
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html). How long a transaction
holds its items AWS does not say, so it is tried with several times. No emulator shows any of this, hence a simulation.

A minute of calls at a rate is settled in one of three ways: each alone, as the queue's messages are, too; the queue's
messages many in one transaction; and that, while a process that met others goes to the queue at once for a minute.
"""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from statistics import quantiles

from tenant_llm.repositories import tables, transactions
from tenant_llm.repositories.usage_ledger import MOST_TOGETHER
from tenant_llm.services import usage

_UNITS_A_SECOND, _UNITS = 1000.0, 2.0
_ROUND_TRIP, _SEND = 0.004, 0.010
_CALL_SECONDS = 2.0  # of a call of a model: so long a process has one
_CONSUMERS, _BATCH, _WINDOW, _INVISIBLE = 5, 90, 1.0, 360.0  # template.yaml: UsageQueueMapping, UsageQueue
_LONGER = 50  # settlements in a transaction that hold the items twice as long as one
_SECONDS, _END = 60, 3600

_HOLDS = (0.005, 0.010, 0.020)
_RATES = (10, 20, 50, 100, 200, 500, 1000, 2000)

type Steps = Iterator[float]
"""What happens one after the other, and the seconds between."""


@dataclass(frozen=True, slots=True)
class Way:
    """How settlements are booked."""

    name: str
    together: int = 1
    attempts: int = transactions.ATTEMPTS
    memory: float = 0.0


_WAYS = (
    Way("each alone"),
    Way("queue together", MOST_TOGETHER),
    Way("and at once", MOST_TOGETHER, usage._CONTENDED_ATTEMPTS, usage._CONTENDED_SECONDS),
)


@dataclass
class Item:
    """A counter: until when it is held, and the units it has left."""

    hold: float
    held_until: float = 0.0
    units: float = _UNITS_A_SECOND
    filled_at: float = 0.0

    def take(self, now: float, settlements: int) -> float | None:
        """Begin a transaction; returns its seconds, ``None`` where it is cancelled."""
        self.units = min(_UNITS_A_SECOND, self.units + (now - self.filled_at) * _UNITS_A_SECOND)
        self.filled_at = now
        if now < self.held_until or self.units < _UNITS:
            return None
        self.units -= _UNITS
        seconds = self.hold * (1 + (settlements - 1) / _LONGER)
        self.held_until = now + seconds
        return seconds


@dataclass
class Simulation:
    """A minute of calls, and what becomes of them."""

    rate: float
    item: Item
    way: Way
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - the same every time
    now: float = 0.0
    calls: int = 0
    waits: list[float] = field(default_factory=list)
    """Seconds that callers waited for their settlement, one for each that has ended."""
    queue: deque[float] = field(default_factory=deque)
    queued: int = 0
    lags: list[float] = field(default_factory=list)
    """Seconds that settlements waited in the queue, one for each that is booked."""
    returned: int = 0
    agenda: list[tuple[float, int, Steps]] = field(default_factory=list)
    straight_until: dict[int, float] = field(default_factory=dict)

    def run(self) -> None:
        """Until all is booked, or an hour is over."""
        self._go_on(self._arrivals())
        for _ in range(_CONSUMERS):
            self._go_on(self._consumer())
        while self.now < _END and (self.now < _SECONDS or len(self.waits) - self.queued + len(self.lags) < self.calls):
            self.now, _, steps = heappop(self.agenda)
            self._go_on(steps)

    def _go_on(self, steps: Steps) -> None:
        pause = next(steps, None)
        if pause is not None:
            heappush(self.agenda, (self.now + pause, id(steps), steps))

    def _arrivals(self) -> Steps:
        while self.now < _SECONDS:
            self.calls += 1
            self._go_on(self._call())
            yield self.random.expovariate(self.rate)

    def _call(self) -> Steps:
        began = self.now
        process = self.random.randrange(max(1, int(self.rate * _CALL_SECONDS)))
        booked = False
        if self.straight_until.get(process, 0.0) <= began:
            booked = yield from self._attempts(1, self.way.attempts)
            if not booked:
                self.straight_until[process] = self.now + self.way.memory * (0.5 + self.random.random())
        if not booked:
            yield _SEND
            self.queued += 1
            self.queue.append(self.now)
        self.waits.append(self.now - began)

    def _consumer(self) -> Steps:
        while True:
            yield 0.0 if self.queue else _WINDOW
            messages = [self.queue.popleft() for _ in range(min(_BATCH, len(self.queue)))]
            for at in range(0, len(messages), self.way.together):
                part = messages[at : at + self.way.together]
                booked = yield from self._attempts(len(part), transactions.ATTEMPTS)
                if booked:
                    self.lags += [self.now - sent for sent in part]
                else:
                    self.returned += len(part)
                    self._go_on(self._invisible(part))

    def _invisible(self, messages: list[float]) -> Steps:
        yield _INVISIBLE
        self.queue.extend(messages)

    def _attempts(self, settlements: int, count: int) -> Generator[float, None, bool]:
        for number in range(count):
            if number:
                yield self.random.random() * min(tables._LONGEST_WAIT, tables._FIRST_WAIT * 2**number)
            yield _ROUND_TRIP / 2
            seconds = self.item.take(self.now, settlements)
            yield _ROUND_TRIP / 2 + (seconds or 0.0)
            if seconds is not None:
                return True
        return False


def main() -> None:
    """Print a line for each hold, rate and way."""
    line = "{:>6} {:>8} {:15} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}"
    print(line.format("held", "calls/s", "booked", "queued", "wait p50", "p99", "lag p50", "longest", "returned"))
    for hold in _HOLDS:
        for rate in _RATES:
            for way in _WAYS:
                one = Simulation(rate, Item(hold), way)
                one.run()
                waits, lags = quantiles(one.waits, n=100), sorted(one.lags) or [0.0]
                longest = f"{lags[-1]:.0f} s" if len(lags) >= one.queued else f"{one.queued - len(lags)} left"
                print(
                    line.format(
                        f"{hold * 1000:.0f} ms",
                        rate,
                        way.name,
                        f"{one.queued / one.calls:.1%}",
                        f"{waits[49] * 1000:.0f} ms",
                        f"{waits[98] * 1000:.0f} ms",
                        f"{lags[len(lags) // 2]:.1f} s",
                        longest,
                        one.returned,
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main()
