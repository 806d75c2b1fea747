"""``make faults``: true tokens, counted tokens and the difference, by fault.

The API runs in a process of its own, on an emulator whose transactions are atomic, behind a proxy that does to its
requests what AWS and networks do. The provider's true usage is known: it depends on the question's number alone. A
question's id is its ``Idempotency-Key``, so that however often it is asked, it is one call of the accounts.

Each line is a tenant. The difference has to be zero wherever the provider reported its usage; where it could not (it
reports none, or the stream breaks), calls have to be all there and their tokens be marked as estimated. Whatever it
is, the ledger, the days and the model's row have to say the same. Otherwise the command fails.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from time import monotonic, sleep

from benchmarks.faults.accounts import Accounts, accounts
from benchmarks.faults.client import Client
from benchmarks.faults.provider import MOST_INPUT, MOST_OUTPUT, usage_of
from benchmarks.faults.weather import (
    CONFLICT,
    FAILED,
    LOST,
    QUEUE_FAILED,
    QUEUEING,
    SETTLING,
    THROTTLED,
    Weather,
)
from benchmarks.faults.world import World, world
from local.__main__ import say
from tenant_llm import bootstrap
from tenant_llm.domain.budget import Budget

type Ask = Callable[[Client, int], None]

_LINE = "{:54} {:>5} {:>6} {:>6} {:>6} {:>9} {:>9} {:>6}  {}"
_AT_ONCE = 16
_LIFE = 3.0
_STREAMED = 7
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """A fault: what clients do meanwhile, what AWS does, and what is done afterwards to what had to wait."""

    fault: str
    ask: Ask
    weather: tuple[Weather, ...] = ()
    reported: bool = True
    deliveries: int = 1
    killed: bool = False
    budget: bool = False


def _whole(way: str = "plain", first_timeout: float = 30) -> Ask:
    return lambda client, number: client.insist(number, way, first_timeout)


def _streamed(way: str = "plain", words: int | None = None) -> Ask:
    return lambda client, number: client.stream(number, way, words)


def _capped(client: Client, number: int) -> None:
    client.unless_refused(number)


def _rows() -> Iterator[Row]:
    yield Row("nothing", _whole())
    yield Row("nothing, streamed", _streamed())
    yield Row("each call comes twice at once", lambda client, number: client.twice(number))
    yield Row(
        "the client gives up after 0.1 s and asks again", lambda client, number: client.insist(number, "slow", 0.1)
    )
    yield Row("the provider answers 500 at first", _whole("flaky"))
    yield Row("the provider reports no usage", _whole("silent"), reported=False)
    yield Row("the provider breaks the stream off", _streamed("cut"), reported=False)
    yield Row("the client hangs up in the stream", _streamed("slow", _STREAMED), reported=False)
    yield Row("DynamoDB: 30 % of answers are lost after the write", _whole(), (Weather(SETTLING, 0.3, LOST),))
    yield Row("DynamoDB: 30 % internal errors", _whole(), (Weather(SETTLING, 0.3, FAILED),))
    yield Row("DynamoDB: 30 % throttled", _whole(), (Weather(SETTLING, 0.3, THROTTLED),))
    yield Row("DynamoDB: 30 % cancelled by another transaction", _whole(), (Weather(SETTLING, 0.3, CONFLICT),))
    any_of_these = (LOST, FAILED, THROTTLED, CONFLICT)
    yield Row("DynamoDB: 60 % any of these, streamed", _streamed(), (Weather(SETTLING, 0.6, *any_of_these),))
    down = Weather(SETTLING, 1.0, THROTTLED, FAILED)
    yield Row("DynamoDB refuses all: the queue", _whole(), (down,))
    yield Row("… after it has written: the queue repeats", _whole(), (Weather(SETTLING, 1.0, LOST),))
    yield Row("… SQS delivers twice", _whole(), (Weather(SETTLING, 1.0, THROTTLED, LOST),), deliveries=2)
    yield Row("… SQS loses 30 % of its answers", _whole(), (down, Weather(QUEUEING, 0.3, LOST)))
    yield Row("… SQS refuses, too: the log is replayed", _whole(), (down, Weather(QUEUEING, 1.0, QUEUE_FAILED)))
    yield Row("a hard budget for half of the calls", _capped, budget=True)
    yield Row("… and DynamoDB fails 30 %", _capped, (Weather(SETTLING, 0.3, *any_of_these),), budget=True)
    yield Row(f"the process is killed every {_LIFE:.0f} s", _whole("slow"), killed=True)
    yield Row(
        "… and DynamoDB fails 30 %",
        _whole("slow"),
        (Weather(SETTLING, 0.3, LOST, FAILED, CONFLICT),),
        killed=True,
    )


@dataclass
class Result:
    """What a row came to."""

    row: Row
    calls: int
    true: int
    found: Accounts
    budget: int | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def remark(self) -> str:
        """What is to be said of a row that is right."""
        if self.budget is not None:
            return f"of a budget of {self.budget}"
        return "" if self.row.reported else "estimated, and marked so"

    @property
    def difference(self) -> int:
        """Counted less true."""
        return self.found.ledger - self.true


def main() -> int:
    """Measure each row, print its line; 1 where one is wrong."""
    parser = ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="how many calls each fault is tried on (200)")
    calls = parser.parse_args().calls
    started = monotonic()
    say(_LINE.format("what goes wrong", "s", "calls", "asked", "met", "true", "counted", "diff", ""))
    wrong = 0
    with world() as here:
        for place, row in enumerate(_rows()):
            began = monotonic()
            result, asked = measured(here, row, f"tenant-{place}", place * calls, calls)
            met = sum(weather.met for weather in row.weather)
            remark = "; ".join(result.wrong) or result.remark
            figures = (round(monotonic() - began), result.calls, asked, met, result.true, result.found.ledger)
            say(_LINE.format(row.fault, *figures, result.difference, remark))
            wrong += bool(result.wrong)
        total = sum(here.provider.asked.values())
    say(f"{total} answers of the provider in {monotonic() - started:.0f} s; {wrong or 'no'} fault is counted wrong.")
    return 1 if wrong else 0


def measured(here: World, row: Row, tenant_id: str, first: int, calls: int) -> tuple[Result, int]:
    """One row's result, and how often the provider was asked."""
    client = Client(here.url, here.tenant(tenant_id), tenant_id)
    numbers = range(first, first + calls)
    budget = sum(usage_of(number)["total_tokens"] for number in numbers) // 2 if row.budget else None
    if budget is not None:
        bootstrap.tenant_models_service().set_budgets(tenant_id, [Budget("day", hard=budget)])
    here.proxy.weather = lambda operation: next((f for w in row.weather if (f := w(operation))), None)
    with _killing(here, _LIFE) if row.killed else nullcontext(), ThreadPoolExecutor(_AT_ONCE) as clients:
        list(clients.map(partial(row.ask, client), numbers))
    here.proxy.weather = lambda _: None
    here.settle_what_waits(row.deliveries)
    asked = [number for number in numbers if number in here.provider.asked]
    true = sum(usage_of(number)["total_tokens"] for number in asked)
    result = Result(row, len(asked), true, _settled(here, tenant_id, len(asked)), budget)
    result.wrong = list(_wrong(result))
    return result, sum(here.provider.asked[number] for number in asked)


def _settled(here: World, tenant_id: str, calls: int) -> Accounts:
    """The accounts, once the last call is there: one whose client has hung up may still be at it."""
    end = monotonic() + _PATIENCE
    while (found := accounts(here, tenant_id)).ledger_calls < calls and monotonic() < end:
        sleep(0.1)
    return found


def _wrong(result: Result) -> Iterator[str]:
    found = result.found
    if not found.agree:
        yield f"the accounts do not agree: {found}"
    if found.ledger_calls != result.calls:
        yield f"{found.ledger_calls} calls are counted"
    if result.row.reported and (result.difference or found.estimated):
        yield f"{found.estimated} tokens are estimated" if found.estimated else "WRONG"
    if result.budget is not None:
        left = result.budget - found.ledger
        # Those that ran at last may have used more than they had reserved: by their input, which is an estimate before.
        if not -_AT_ONCE * MOST_INPUT <= left <= _AT_ONCE * (MOST_INPUT + MOST_OUTPUT):
            yield f"{left} is left of the budget"
    if not result.row.reported and found.estimated != found.ledger:
        yield f"only {found.estimated} tokens are marked as estimated"


@contextmanager
def _killing(here: World, life: float) -> Iterator[None]:
    over = Event()

    def run() -> None:
        while not over.wait(life):
            here.kill()
            here.start()

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
