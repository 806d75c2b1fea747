import csv
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.usage_report import Line
from tenant_llm.surface.usage_report import Asked, render
from tools import usage
from tools.usage_plot import plot, series

_DAY = date(2026, 11, 1)
_NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
_PNG = b"\x89PNG"


def _line(name: str, tokens: int, day: int = 1, cost: str | None = None) -> Line:
    when = date(2026, 11, day)
    return Line(DayUsage(when, name, "F", 1, tokens), ModelType.CHAT, None if cost is None else Decimal(cost))


def _asked(lines: list[Line], at_once: int = 1) -> Callable[[dict[str, Any]], Any]:
    """A source of the lines, page by page; a cursor is the number of the next line."""

    def ask(query: dict[str, Any]) -> Any:
        begin = int(query.get("cursor", 0))
        page = lines[begin : begin + at_once]
        group_by = tuple(query["group_by"].split(","))
        answer = render(Asked(*_NOVEMBER, frozenset(), group_by, None, None, csv=False), page, "prices 1")
        return answer | {"next_cursor": str(begin + at_once) if begin + at_once < len(lines) else None}

    return ask


def test_all_pages_are_read_and_nothing_is_lost_on_the_way() -> None:
    lines = [
        _line("a", 3, cost="0.000000000001"),
        replace(_line("b@c", 4, 2), model_type=None),
        Line(DayUsage(_DAY, "whisper", "F", 2, native={"seconds": 0.5}, errors=1), ModelType.SPEECH2TEXT),
    ]

    read, page = usage.read(_asked(lines), {"since": "2026-11-01"})

    assert read == lines
    assert page["prices"]["source"] == "prices 1"


def test_a_chart_has_the_largest_group_first_and_bars_in_proportion() -> None:
    lines = [_line("small", 25), _line("large", 100, cost="1.5"), _line("none", 0)]

    text = list(usage.chart(lines, ("model",), 80))

    assert [row.split("@")[0] for row in text] == ["large", "small", "none"]
    large, small, none = (row.count("█") for row in text)
    assert (large // 4, none) == (small, 0)
    assert "$1.50" in text[0]
    assert "$" not in text[1] + text[2]
    assert max(map(len, text)) <= 80


def test_a_chart_by_day_is_in_the_order_of_days() -> None:
    text = list(usage.chart([_line("a", 100, 2), _line("a", 1, 1)], ("day",), 80))

    assert [row[:10] for row in text] == ["2026-11-01", "2026-11-02"]


def test_a_chart_of_nothing_is_empty() -> None:
    assert list(usage.chart([], ("model",), 80)) == []


def test_a_name_cannot_steer_the_terminal() -> None:
    (text,) = usage.chart([_line("\x1b[2Jred\n", 1)], ("model",), 80)

    assert text.isprintable()


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10**18), st.integers(0, 10**18), st.integers(1, 200))
def test_a_bar_fits_and_shows_what_is_there(amount: int, more: int, width: int) -> None:
    text = usage.bar(amount, amount + more, width)

    assert len(text) <= width
    assert bool(text) == bool(amount)
    if not more and amount:
        assert text == "█" * width


def test_the_summary_says_of_how_much_the_price_is_known() -> None:
    page = {"since": "2026-11-01", "until": "2026-11-30", "prices": {"source": "prices 1"}}
    lines = [_line("a", 75, cost="2"), _line("b", 25)]

    assert usage.summary("acme", page, lines) == (
        "acme, 2026-11-01 to 2026-11-30: 2 calls, 0 errors, 100 tokens (0% estimated), "
        "$2.00 for 75% of the tokens by prices 1"
    )
    assert usage.summary("acme", page, lines[1:]).endswith("no price is known")


def test_a_plot_shows_the_eight_largest_and_the_rest_together() -> None:
    lines = [_line(f"m{number}", 100 - number) for number in range(11)]

    names = list(series(lines, ("model",)))

    assert names == [*(f"m{number}@F" for number in range(8)), "others"]
    assert series(lines, ())["others"] == {_DAY: 92 + 91 + 90}


@pytest.mark.parametrize("lines", [[], [_line("_a$b$", 5, cost="1"), _line("b", 7, 3)], [_line("c", 1)]])
def test_a_plot_is_what_its_file_says(lines: list[Line], tmp_path: Path) -> None:
    for name in ("usage.svg", "usage.png", "again.svg"):
        plot(lines, ("model",), _NOVEMBER, "acme, $1 and $2", tmp_path / name)

    assert (tmp_path / "usage.png").read_bytes().startswith(_PNG)
    drawn = (tmp_path / "usage.svg").read_text()
    assert "<svg" in drawn
    assert drawn == (tmp_path / "again.svg").read_text()
    assert len(re.findall(r"<!-- 2026-11-\d\d -->", drawn)) >= 5
    assert "<!-- acme, $1 and $2 -->" in drawn
    assert ("<!-- _a$b$@F  5 -->" in drawn) == (len(lines) == 2)


def test_a_plot_of_a_year_has_as_many_dates_as_fit(tmp_path: Path) -> None:
    plot([_line("a", 1)], ("day",), (_DAY, _DAY + timedelta(days=365)), "acme", tmp_path / "usage.svg")

    assert len(re.findall(r"<!-- 202\d-\d\d-\d\d -->", (tmp_path / "usage.svg").read_text())) == 7


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--tenant", "a", "--url", "http://b"],
        ["--tenant", "a", "--group-by", "modle"],
        ["--tenant", "a", "--plot", "usage.gif"],
    ],
)
def test_a_wrong_option_ends_with_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        usage.main(arguments)

    assert caught.value.code == 2
    assert "usage: python -m tools.usage" in capsys.readouterr().err


def test_what_the_api_refuses_is_told_in_its_words() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": {"message": "since is 'x': not a date"}})

    client = httpx.Client(base_url="https://api.example", transport=httpx.MockTransport(refuse))

    with pytest.raises(usage.Refused, match="since is 'x': not a date"):
        usage.ask_api(client, {})


def test_an_answer_that_is_no_report_is_told_with_its_status() -> None:
    client = httpx.Client(
        base_url="https://api.example", transport=httpx.MockTransport(lambda _: httpx.Response(502, text="<html>"))
    )

    with pytest.raises(usage.Refused, match="answers 502"):
        usage.ask_api(client, {})


def test_csv_is_that_of_the_api(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    source = _asked([_line("a", 1), _line("a", 2, 2), _line("=b", 3)])
    monkeypatch.setattr(usage, "_source", lambda _: nullcontext(source))

    usage.main(["--tenant", "acme", "--csv"])

    header, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert [(row[1], row[header.index("total_tokens")]) for row in rows] == [("'=b@F", "3"), ("a@F", "3")]
