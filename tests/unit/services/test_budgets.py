"""What a call holds of budgets, over a repository that answers from a list."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tenant_llm.domain.budget import Budget, Reservation
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import BudgetExceeded, ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import ModelConfig
from tenant_llm.services.budgets import BudgetService, Hold

_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
_DAY = Budget("day", hard=1000, soft=500)
_COUNTER = _DAY.counter(_AT)
_REQUEST = ChatRequest([{"role": "user", "content": "Hi"}], params={"max_tokens": 99})
_HELD = Reservation((_COUNTER,), {_COUNTER: 100})


@dataclass
class _Budgets:
    """``answers`` to reservations, one after the other; ``ended`` says how many sweeps find something."""

    answers: list[Reservation | dict[str, int]]
    ended: int = 0
    broken: bool = False
    asked: list[tuple[Mapping[str, int | None], datetime]] = field(default_factory=list)
    released: list[Reservation] = field(default_factory=list)

    def reserve(
        self, tenant_id: str, request_id: str, tokens: int, limits: Mapping[str, int | None], ends_at: datetime
    ) -> Reservation | dict[str, int]:
        self.asked.append((limits, ends_at))
        return self.answers.pop(0)

    def release(self, tenant_id: str, request_id: str, reservation: Reservation) -> bool:
        self.released.append(reservation)
        if self.broken:
            raise ServiceUnavailable("storage refuses")
        return True

    def release_ended(self, tenant_id: str, now: datetime) -> int:
        self.ended -= 1
        return int(self.ended >= 0)


def _hold(budgets: _Budgets, *, deadline: Deadline | None = None, of: tuple[Budget, ...] = (_DAY,)) -> Hold:
    config = ModelConfig("acme", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://x", "gpt-4", budgets=of)
    service = BudgetService(cast("Any", budgets), cast("Any", None), now=lambda: _AT)
    return Hold(service, Caller("acme", "r", deadline or Deadline.after(5)), config, _REQUEST)


def _fail(hold: Hold) -> None:
    with hold:
        raise ValueError("the provider failed")


def test_without_budgets_nothing_is_asked() -> None:
    budgets = _Budgets([])
    hold = _hold(budgets, of=())

    with pytest.raises(ValueError, match="failed"):
        _fail(hold)

    assert (hold.reservation, budgets.asked, budgets.released) == (None, [], [])


def test_parts_of_a_call_that_run_beside_each_other_reserve_once() -> None:
    budgets = _Budgets([_HELD])
    hold = _hold(budgets)

    def part(_: int) -> Reservation | None:
        with hold:
            return hold.reservation

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, range(8)))

    assert parts == [_HELD] * 8
    assert (len(budgets.asked), budgets.released) == (1, [])


def test_parts_of_a_call_that_has_no_room_are_refused_by_one_answer() -> None:
    budgets = _Budgets([{_COUNTER: 950}, {_COUNTER: 950}])
    hold = _hold(budgets)

    waits: list[float | None] = []
    for _ in range(3):
        with pytest.raises(BudgetExceeded) as error:
            hold.__enter__()
        waits.append(error.value.retry_after)

    assert waits == [timedelta(hours=12).total_seconds()] * 3
    assert len(budgets.asked) == 2  # within the soft limit, then within the hard one


def test_what_a_call_holds_is_its_own_a_minute_beyond_its_deadline() -> None:
    budgets = _Budgets([_HELD])

    with _hold(budgets, deadline=Deadline(105.0, clock=lambda: 100.0)):
        pass

    assert budgets.asked == [({_COUNTER: 500}, _AT + timedelta(seconds=5 + 60))]


def test_a_call_that_fails_gives_back_what_it_holds_even_where_storage_refuses_that() -> None:
    budgets = _Budgets([_HELD], broken=True)

    with pytest.raises(ValueError, match="the provider failed"):
        _fail(_hold(budgets))

    assert budgets.released == [_HELD]


def test_a_caller_who_hung_up_gives_nothing_back_since_the_provider_bills() -> None:
    budgets, deadline = _Budgets([_HELD]), Deadline.after(5)
    hold = _hold(budgets, deadline=deadline)

    def hang_up() -> None:
        with hold:
            deadline.line.hung_up = True
            raise ValueError("nobody listens")

    with pytest.raises(ValueError, match="nobody listens"):
        hang_up()

    assert (hold.reservation, budgets.released) == (_HELD, [])


def test_a_full_budget_is_tried_again_as_long_as_something_was_given_back() -> None:
    full = {_COUNTER: 950}
    budgets = _Budgets([full, full, full, _HELD], ended=2)

    with _hold(budgets):
        pass

    assert [limits for limits, _ in budgets.asked] == [{_COUNTER: 500}, *[{_COUNTER: 1000}] * 3]


def test_a_call_does_not_look_for_room_for_ever() -> None:
    budgets = _Budgets([{_COUNTER: 950}] * 100, ended=100)

    with pytest.raises(BudgetExceeded), _hold(budgets):
        pass

    assert len(budgets.asked) == 24
