from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.wire import Json
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.usage import UsageCall, ask, period, render

_NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))


@pytest.mark.parametrize("used", [True, False, 5.0, "5", -1, None, [5], 10**12 + 1])
def test_used_tokens_are_an_integer_of_zero_or_more(used: Json) -> None:
    with pytest.raises(ValidationError) as caught:
        UsageCall.model_validate({"llm_type": "chat", "used_tokens": used})

    assert [error["loc"] for error in caught.value.errors()] == [("used_tokens",)]


def test_zero_tokens_are_an_amount() -> None:
    assert UsageCall.model_validate({"llm_type": "chat", "used_tokens": 0}).used_tokens == 0


def test_a_misspelt_field_is_named_before_the_one_that_it_should_be() -> None:
    call = Call(Caller("t", "r", Deadline.after(1)), {"llm_type": "chat", "used_token": 5})

    with pytest.raises(InvalidRequest) as caught:
        ask(call)

    assert caught.value.param == "used_token"


def test_a_period_is_read_from_its_dates() -> None:
    assert period({"since": "2026-11-01", "until": "2026-11-30"}) == _NOVEMBER


def test_without_dates_a_period_is_the_last_thirty_days() -> None:
    since, until = period({}, today=date(2026, 11, 30))

    assert (since, until) == _NOVEMBER


def test_a_period_ends_today_in_utc() -> None:
    before = datetime.now(UTC).date()

    _, until = period({})

    assert before <= until <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-31"}, "since"),
        ({"until": "20261130"}, "until"),
        ({"until": ""}, "until"),
        ({"until": 20261130}, "until"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "since"),
        ({"since": "2026-01-01", "until": "2026-04-03"}, "since"),
        ({"until": "0001-01-01"}, "since"),
    ],
)
def test_a_wrong_period_is_refused_by_field_and_value(query: dict[str, Json], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        period(query)

    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param} is ")


def test_a_quarter_is_the_longest_period() -> None:
    assert period({"since": "2026-01-01", "until": "2026-04-02"}) == (date(2026, 1, 1), date(2026, 4, 2))


def test_totals_add_up_over_models_and_days() -> None:
    days = [
        DayUsage(date(2026, 11, 2), "gpt-4", "OpenAI", calls=2, input_tokens=200, output_tokens=50, cached_tokens=7),
        DayUsage(
            date(2026, 11, 1), "gpt-4", "OpenAI", calls=1, input_tokens=100, output_tokens=50, reasoning_tokens=20
        ),
        DayUsage(date(2026, 11, 1), "bge", "Xinference", calls=1, input_tokens=100, estimated_tokens=100),
    ]

    answer = render(*_NOVEMBER, days)

    assert answer["totals"] == {
        "calls": 4,
        "input_tokens": 400,
        "output_tokens": 100,
        "cached_tokens": 7,
        "cache_write_tokens": 0,
        "reasoning_tokens": 20,
        "total_tokens": 500,
        "estimated_tokens": 100,
        "estimated_share": 0.2,
        "native": {},
    }
    assert [(model["model"], model["total_tokens"]) for model in answer["models"]] == [
        ("bge@Xinference", 100),
        ("gpt-4@OpenAI", 400),
    ]
    assert [day["date"] for day in answer["models"][1]["days"]] == ["2026-11-01", "2026-11-02"]
    assert answer["models"][1]["days"][1]["total_tokens"] == 250


def test_the_estimated_share_is_a_models_own() -> None:
    days = [
        DayUsage(date(2026, 11, 1), "a", "F", input_tokens=60, output_tokens=40, estimated_tokens=100),
        DayUsage(date(2026, 11, 1), "b", "F", input_tokens=300),
    ]

    answer = render(*_NOVEMBER, days)

    assert answer["totals"]["estimated_share"] == 0.25
    assert [model["estimated_share"] for model in answer["models"]] == [1.0, 0.0]


def test_native_units_are_summed_by_unit() -> None:
    days = [
        DayUsage(date(2026, 11, 1), "whisper", "F", native={"seconds": 12.5}),
        DayUsage(date(2026, 11, 2), "whisper", "F", native={"seconds": 2.5, "pages": 1}),
    ]

    answer = render(*_NOVEMBER, days)

    assert answer["totals"]["native"] == {"pages": 1, "seconds": 15.0}


def test_a_tenant_without_calls_has_used_nothing() -> None:
    answer = render(*_NOVEMBER, [])

    assert answer["models"] == []
    assert answer["totals"]["calls"] == 0
    assert answer["totals"]["estimated_share"] == 0.0
