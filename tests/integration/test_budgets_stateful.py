"""Whatever is done to calls in whatever order, a counter is what was used and what is held, no more and no less."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tenant_llm.domain.budget import Budget, Reservation
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus, Settlement
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.budgets import BudgetRepository
from tenant_llm.repositories.usage_ledger import UsageRepository
from tests.support.aws import Aws

_BUDGETS = [Budget("day", 100), Budget("month", 250, model="gpt-4@OpenAI")]
_IDS = st.sampled_from(["a", "b", "c", "d"])
_FIRST_DAY = date(2026, 11, 24)
_TOKENS = st.integers(1, 60)


class Calls(RuleBasedStateMachine):
    """Calls of one tenant that reserve, end, fail, crash and are repeated, and what should come of it.

    ``live`` is what is held by request id, ``attempts`` what each attempt of a call thinks it holds.
    """

    budgets: BudgetRepository
    ledger: UsageRepository

    def __init__(self) -> None:
        super().__init__()
        self.tenant_id = uuid4().hex
        self.now = datetime(2026, 11, 24, 23, 56, tzinfo=UTC)
        self.live: dict[str, tuple[dict[str, int], datetime]] = {}
        self.used: dict[str, int] = {}
        self.settled: dict[str, Settlement] = {}
        self.attempts: list[tuple[str, Reservation]] = []

    def held(self, counter: str) -> int:
        return sum(held.get(counter, 0) for held, _ in self.live.values())

    @rule(request_id=_IDS, tokens=_TOKENS)
    def reserve(self, request_id: str, tokens: int) -> None:
        limits = {budget.counter(self.now): budget.hard for budget in _BUDGETS}
        ends_at = self.now + timedelta(minutes=2)

        outcome = self.budgets.reserve(self.tenant_id, request_id, tokens, limits, ends_at)

        if request_id in self.settled:
            assert outcome == Reservation(tuple(limits))
        elif request_id in self.live:
            held, before = self.live[request_id]
            assert isinstance(outcome, Reservation)
            assert outcome.held == held
            self.live[request_id] = held, max(before, ends_at)
        elif isinstance(outcome, Reservation):
            self.live[request_id] = dict(outcome.held), ends_at
            assert all(self.used.get(one, 0) + self.held(one) <= (limit or 0) for one, limit in limits.items())
        else:
            assert outcome == {
                one: there
                for one, limit in limits.items()
                if (there := self.used.get(one, 0) + self.held(one)) + tokens > (limit or 0)
            }
            assert outcome
        if isinstance(outcome, Reservation):
            self.attempts.append((request_id, outcome))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), used=st.integers(0, 90), status=st.sampled_from(["ok", "interrupted", "client_disconnected"]))
    def settle(self, data: Any, used: int, status: CallStatus) -> None:
        request_id, reservation = data.draw(st.sampled_from(self.attempts))
        usage = Usage(used, estimated=status != "ok")
        call = Settlement(self.tenant_id, request_id, "gpt-4", "OpenAI", ModelType.CHAT, usage, self.now, status=status)

        outcome = self.ledger.settle(replace(call, reservation=reservation))

        there = self.settled.get(request_id)
        if there is None:
            assert outcome == "counted"
            held, _ = self.live.pop(request_id, ({}, None))
            self.charge({*reservation.counters, *held}, used)
            self.settled[request_id] = replace(call, reservation=Reservation((*{*reservation.counters, *held},)))
        elif status == "ok" and there.status != "ok":
            assert outcome == "corrected"
            assert there.reservation is not None
            self.charge({*there.reservation.counters}, used - there.usage.total_tokens)
            self.settled[request_id] = replace(call, at=there.at)
        else:
            assert outcome == "repeated"

    def charge(self, counters: set[str], tokens: int) -> None:
        for counter in counters:
            self.used[counter] = self.used.get(counter, 0) + tokens

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        request_id, reservation = data.draw(st.sampled_from(self.attempts))

        released = self.budgets.release(self.tenant_id, request_id, reservation)

        there = self.live.get(request_id)
        assert released == (there is not None and there[0] == dict(reservation.held))
        if released:
            del self.live[request_id]

    @rule(minutes=st.integers(1, 4))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        ended = [request_id for request_id, (_, ends_at) in self.live.items() if ends_at < self.now]

        assert self.budgets.release_ended(self.tenant_id, self.now) == len(ended)
        for request_id in ended:
            del self.live[request_id]

    @invariant()
    def the_days_are_the_sums_of_the_calls(self) -> None:
        days = self.ledger.days(self.tenant_id, _FIRST_DAY, self.now.date())
        calls = self.settled.values()

        assert {day.day: (day.calls, day.errors, day.total_tokens, day.estimated_tokens) for day in days} == {
            day: (
                len(of_day),
                sum(call.failed for call in of_day),
                sum(call.usage.total_tokens for call in of_day),
                sum(call.usage.total_tokens for call in of_day if call.usage.estimated),
            )
            for day in {call.at.date() for call in calls}
            if (of_day := [call for call in calls if call.at.date() == day])
        }

    @invariant()
    def a_counter_is_what_was_used_and_what_is_held(self) -> None:
        known = {*self.used, *(counter for held, _ in self.live.values() for counter in held)}
        known |= {budget.counter(self.now) for budget in _BUDGETS}

        committed = self.budgets.committed(self.tenant_id, known)

        assert committed == {counter: self.used.get(counter, 0) + self.held(counter) for counter in known}
        assert min(committed.values()) >= 0


@pytest.fixture
def machine(aws: Aws) -> type[Calls]:
    class OverAws(Calls):
        budgets = BudgetRepository(aws.settings)
        ledger = UsageRepository(aws.settings)

    return OverAws


def test_counters_stay_exact_whatever_happens_to_calls(machine: type[Calls]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # shrinking would take minutes over sockets
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
