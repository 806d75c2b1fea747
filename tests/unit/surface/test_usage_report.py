from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime
from decimal import Decimal
from json import dumps

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.usage_report import DIMENSIONS, Dimension, Line, Page, Period
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.entrypoint import Answer, Call
from tenant_llm.surface.usage_report import Asked, ask, period, read_cursor, render, report, sums, write_cursor

_NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
_DAY = date(2026, 11, 1)


def _call(tenant_id: str = "acme", accept: str = "", **query: Json) -> Call:
    return Call(Caller(tenant_id, "r", Deadline.after(1)), {}, query, accept=accept)


def _asked(*group_by: Dimension) -> Asked:
    return Asked(*_NOVEMBER, frozenset(), group_by, None, None, csv=False)


def _rendered(days: list[DayUsage], *group_by: Dimension) -> JsonObject:
    return render(_asked(*group_by), [Line(part, kind) for day in days for kind, part in day.parts()], "prices 1")


class _Pages:
    """A service whose pages have ``limit`` of these days; no day has two types."""

    def __init__(self, days: list[DayUsage]) -> None:
        self.days = days

    def page(self, tenant_id: str, period: Period, limit: int) -> Page:
        days = [day for day in self.days if period.after is None or (day.day, day.address) > period.after]
        more = (days[limit - 1].day, days[limit - 1].address) if len(days) > limit else None
        return Page([Line(day, ModelType.CHAT) for day in days[:limit]], more, "prices 1")


def _report(days: list[DayUsage], call: Call) -> Answer:
    return report(call, lambda: _Pages(days))  # type: ignore[arg-type, return-value]


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
        ({"since": "2025-01-01", "until": "2026-01-02"}, "since"),
        ({"until": "0001-01-01"}, "since"),
    ],
)
def test_a_wrong_period_is_refused_by_field_and_value(query: dict[str, Json], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        period(query)

    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param} is ")


def test_a_leap_year_is_the_longest_period() -> None:
    assert period({"since": "2028-01-01", "until": "2028-12-31"}) == (date(2028, 1, 1), date(2028, 12, 31))


def test_totals_add_up_over_models_and_days() -> None:
    days = [
        DayUsage(date(2026, 11, 2), "gpt-4", "OpenAI", 2, 200, 50, cached_tokens=7, errors=3),
        DayUsage(
            date(2026, 11, 1), "gpt-4", "OpenAI", calls=1, input_tokens=100, output_tokens=50, reasoning_tokens=20
        ),
        DayUsage(date(2026, 11, 1), "bge", "Xinference", calls=1, input_tokens=100, estimated_tokens=100),
    ]

    answer = _rendered(days)

    assert answer["totals"] == {
        "calls": 4,
        "errors": 3,
        "input_tokens": 400,
        "output_tokens": 100,
        "cached_tokens": 7,
        "cache_write_tokens": 0,
        "reasoning_tokens": 20,
        "total_tokens": 500,
        "estimated_tokens": 100,
        "estimated_share": 0.2,
        "native": {},
        "cost_usd": None,
        "priced_share": 0.0,
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

    answer = _rendered(days)

    assert answer["totals"]["estimated_share"] == 0.25
    assert [model["estimated_share"] for model in answer["models"]] == [1.0, 0.0]


def test_native_units_are_summed_by_unit() -> None:
    days = [
        DayUsage(date(2026, 11, 1), "whisper", "F", native={"seconds": 12.5}),
        DayUsage(date(2026, 11, 2), "whisper", "F", native={"seconds": 2.5, "pages": 1}),
    ]

    answer = _rendered(days)

    assert answer["totals"]["native"] == {"pages": 1, "seconds": 15.0}


def test_a_tenant_without_calls_has_used_nothing() -> None:
    answer = _rendered([])

    assert answer["models"] == []
    assert answer["totals"]["calls"] == 0
    assert answer["totals"]["estimated_share"] == 0.0


def test_groups_are_told_by_what_they_are_grouped_by() -> None:
    chat = DayUsage(_DAY, "gpt-4o", "OpenAI", calls=1, input_tokens=3)
    sees = DayUsage(_DAY, "gpt-4o", "OpenAI", calls=2, input_tokens=4)
    both = DayUsage(_DAY, "gpt-4o", "OpenAI", 3, 7, by_type={ModelType.CHAT: chat, ModelType.IMAGE2TEXT: sees})
    old = DayUsage(date(2026, 11, 2), "bge", "Xinference", 1, 5)

    answer = _rendered([both, old], "type", "day")

    assert answer["group_by"] == ["type", "day"]
    assert [(group["type"], group["date"], group["calls"], group["total_tokens"]) for group in answer["groups"]] == [
        (None, "2026-11-02", 1, 5),
        ("chat", "2026-11-01", 1, 3),
        ("image2text", "2026-11-01", 2, 4),
    ]
    assert answer["totals"]["total_tokens"] == 12
    assert "models" not in answer


def test_a_cost_is_that_of_what_has_a_price_and_the_share_says_of_how_much() -> None:
    lines = [
        Line(DayUsage(_DAY, "a", "F", input_tokens=300), ModelType.CHAT, Decimal("0.1")),
        Line(DayUsage(_DAY, "b", "F", input_tokens=60), ModelType.CHAT, Decimal("0.2")),
        Line(DayUsage(_DAY, "c", "F", input_tokens=40), ModelType.CHAT),
    ]

    answer = render(_asked("model"), lines, "prices 1")

    assert (answer["totals"]["cost_usd"], answer["totals"]["priced_share"]) == (0.3, 0.9)
    assert [group["cost_usd"] for group in answer["groups"]] == [0.1, 0.2, None]
    assert answer["prices"] == {"currency": "USD", "source": "prices 1"}


_AMOUNTS = st.integers(0, 10**15)
_LINES = st.lists(
    st.builds(
        Line,
        st.builds(
            DayUsage,
            st.dates(*_NOVEMBER),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["F", "G"]),
            _AMOUNTS,
            _AMOUNTS,
            _AMOUNTS,
            native=st.dictionaries(st.sampled_from(["seconds", "pages"]), st.decimals(0, 1000, places=3).map(float)),
            errors=_AMOUNTS,
        ),
        st.sampled_from([None, ModelType.CHAT, ModelType.IMAGE2TEXT]),
        st.none() | st.decimals(0, 1000, places=8),
    )
)


@settings(derandomize=True, deadline=None)
@given(_LINES, st.lists(st.sampled_from(DIMENSIONS), unique=True))
def test_however_it_is_grouped_the_sums_are_the_same(lines: list[Line], by: list[Dimension]) -> None:
    answer = render(_asked(*by), lines, "prices 1")
    groups = answer["groups"] if by else answer["models"]

    assert answer["totals"] == sums(lines)
    for name in ("calls", "errors", "input_tokens", "output_tokens", "total_tokens"):
        assert sum(group[name] for group in groups) == answer["totals"][name]
        assert isinstance(answer["totals"][name], int)
    for unit, amount in answer["totals"]["native"].items():
        assert sum(group["native"].get(unit, 0) for group in groups) == pytest.approx(amount)
    costs = [group["cost_usd"] for group in groups if group["cost_usd"] is not None]
    assert (sum(costs) if costs else None) == pytest.approx(answer["totals"]["cost_usd"])


@pytest.mark.parametrize(
    ("query", "param", "value"),
    [
        ({"group_by": "modle"}, "group_by", "'modle'"),
        ({"group_by": "model,,day"}, "group_by", "'model,,day'"),
        ({"group_by": ""}, "group_by", "''"),
        ({"group_by": 5}, "group_by", "5"),
        ({"models": ","}, "models", "','"),
        ({"models": [5]}, "models", "[5]"),
        ({"limit": "0"}, "limit", "'0'"),
        ({"limit": "10001"}, "limit", "'10001'"),
        ({"limit": "-1"}, "limit", "'-1'"),
        ({"limit": "٣"}, "limit", "'٣'"),
        ({"limit": True}, "limit", "True"),
        ({"limit": 1.0}, "limit", "1.0"),
        ({"format": "xml"}, "format", "'xml'"),
        ({"cursor": "x"}, "cursor", "'x'"),
        ({"cursor": 5}, "cursor", "5"),
        ({"cursor": "é"}, "cursor", "'é'"),
    ],
)
def test_a_wrong_argument_is_refused_by_field_and_value(query: JsonObject, param: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(_call(**query))

    assert caught.value.param == param
    assert value in caught.value.message


def test_lists_are_lists_or_texts_with_commas() -> None:
    asked = ask(_call(group_by="day, model,day", models=["a,b@F", "c"], limit=5))

    assert (asked.group_by, asked.models, asked.limit) == (
        ("day", "model"),
        frozenset({"a,b@F", "c"}),
        5,
    )


def test_a_cursor_is_read_back_by_its_tenant_alone() -> None:
    cursor = write_cursor("acme", (_DAY, "naïve/model@F"))

    assert read_cursor(cursor, "acme") == (_DAY, "naïve/model@F")
    assert read_cursor(cursor, "other") is None


def test_a_cursor_of_another_tenant_or_period_is_refused() -> None:
    cursor = write_cursor("acme", (_DAY, "a@F"))
    dates = {"since": "2026-11-01", "until": "2026-11-30"}

    assert ask(_call(cursor=cursor, **dates)).after == (_DAY, "a@F")
    for call in (_call("other", cursor=cursor, **dates), _call(cursor=cursor, since="2026-11-02", until="2026-11-30")):
        with pytest.raises(InvalidRequest, match="not one of this tenant and period"):
            ask(call)


@pytest.mark.parametrize("made_up", [["acme", "2026-11-01", 5], ["acme", 5, "a@F"], ["acme"], "acme", None, 5])
def test_a_cursor_that_somebody_made_up_is_none(made_up: Json) -> None:
    assert read_cursor(urlsafe_b64encode(dumps(made_up).encode()).decode(), "acme") is None


def test_a_cursor_longer_than_a_key_is_none() -> None:
    assert read_cursor(write_cursor("acme", (_DAY, "x" * 1001)), "acme") is None


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    assert read_cursor(text, "acme") is None


@pytest.mark.parametrize(
    ("accept", "query", "csv"),
    [
        ("text/csv", {}, True),
        ("Text/CSV; charset=utf-8, */*", {}, True),
        ("application/json, text/csv", {}, False),
        ("*/*", {}, False),
        ("", {"format": "csv"}, True),
        ("text/csv", {"format": "json"}, False),
    ],
)
def test_csv_is_what_the_format_says_else_what_is_accepted_first(accept: str, query: JsonObject, csv: bool) -> None:
    assert ask(_call(accept=accept, **query)).csv is csv


def test_a_period_too_long_for_one_answer_is_refused_and_read_in_pages() -> None:
    days = [DayUsage(_DAY, f"m{number:05}", "F", 1) for number in range(10_001)]
    dates = {"since": "2026-11-01", "until": "2026-11-30"}

    with pytest.raises(InvalidRequest) as caught:
        _report(days, _call(**dates))
    first = _report(days, _call(limit="10000", **dates)).body
    assert isinstance(first, dict)
    second = _report(days, _call(limit="10000", cursor=first["next_cursor"], **dates)).body
    assert isinstance(second, dict)

    assert caught.value.param == "limit"
    assert (first["totals"]["calls"], second["totals"]["calls"], second["next_cursor"]) == (10_000, 1, None)


def test_csv_tells_the_next_page_in_a_header_and_directly_beside_it() -> None:
    days = [DayUsage(_DAY, name, "F", 1) for name in "ab"]
    dates: JsonObject = {"since": "2026-11-01", "until": "2026-11-30", "format": "csv", "limit": 1}

    over_http = _report(days, _call(**dates))
    directly = _report(days, Call(Caller("acme", "r", Deadline.after(1)), dates, direct=True))

    assert over_http.content_type == "text/csv; charset=utf-8"
    assert directly.body == {"csv": over_http.body, "next_cursor": over_http.headers["x-next-cursor"]}


@pytest.mark.parametrize("tenant_id", ["", " "])
def test_an_operator_has_to_name_a_tenant(tenant_id: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        _report([], _call(tenant_id))

    assert caught.value.param == "tenant_id"
