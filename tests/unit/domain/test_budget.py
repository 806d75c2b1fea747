from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from tenant_llm.domain.budget import Budget, Period, Reservation
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.usage import Usage


def test_counters_are_of_utcs_days_and_months_and_of_a_model_or_the_tenant() -> None:
    late_in_new_york = datetime.fromisoformat("2026-12-31T21:00:00-05:00")

    assert Budget("day", 1).counter(late_in_new_york) == "budget#2027-01-01#tenant"
    assert Budget("month", 1, model="a@b#c@F").counter(late_in_new_york) == "budget#2027-01#a@b#c@F"


@pytest.mark.parametrize(
    ("period", "at", "renews_at"),
    [
        ("day", "2026-02-28T23:59:59+00:00", "2026-03-01T00:00:00+00:00"),
        ("day", "2026-02-28T00:00:00+01:00", "2026-02-28T00:00:00+00:00"),
        ("month", "2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
        ("month", "2027-01-31T12:00:00+00:00", "2027-02-01T00:00:00+00:00"),
        ("month", "2026-12-31T23:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("month", "2026-11-30T23:00:00-02:00", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_a_period_renews_when_utc_says_so(period: Period, at: str, renews_at: str) -> None:
    assert Budget(period, 1).renews_at(datetime.fromisoformat(at)).isoformat() == renews_at


def test_a_call_is_charged_the_difference_to_what_it_held() -> None:
    reservation = Reservation(("day", "month"), {"day": 100})

    assert reservation.charges(70) == {"day": -30, "month": 70}


def test_what_another_attempt_holds_is_charged_as_well() -> None:
    reservation = Reservation(("day",), {"day": 100}).holding({"month": 50})

    assert reservation == Reservation(("day", "month"), {"month": 50})
    assert reservation.charges(70) == {"day": 70, "month": 20}


def test_a_period_is_its_dates_whatever_the_time() -> None:
    budget = Budget("day", 1)

    counters = {budget.counter(datetime(2026, 11, 24, hour, tzinfo=UTC)) for hour in range(24)}

    assert counters == {"budget#2026-11-24#tenant"}


def test_a_settlement_carries_its_reservation_through_json() -> None:
    held = Reservation(("budget#2026-11-24#tenant", "budget#2026-11#a@F"), {"budget#2026-11-24#tenant": 100})
    at = datetime(2026, 11, 24, tzinfo=UTC)
    settlement = Settlement("acme", "r", "a", "F", ModelType.CHAT, Usage(1), at, reservation=held)
    adapter = TypeAdapter(Settlement)

    assert adapter.validate_json(adapter.dump_json(settlement), strict=True) == settlement
