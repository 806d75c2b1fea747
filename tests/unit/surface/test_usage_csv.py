import csv
from datetime import date
from decimal import Decimal

import pytest

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.usage_report import Line
from tenant_llm.surface.usage_csv import COLUMNS, harmless, table

_LINE = Line(
    DayUsage(date(2026, 11, 1), 'a "b", c', "F", 2, 30, 4, 5, 6, 3, 34, native={"seconds": 1.5}, errors=1),
    ModelType.CHAT,
    Decimal("0.0000001"),
)


def test_a_row_has_all_columns_and_its_lines_end_as_the_rfc_says() -> None:
    text = table([_LINE], ("day", "model", "factory", "type"))

    assert text == (
        "date,model,factory,type,calls,errors,input_tokens,output_tokens,cached_tokens,cache_write_tokens,"
        "reasoning_tokens,estimated_tokens,total_tokens,estimated_share,native,cost_usd,priced_share\r\n"
        '2026-11-01,"a ""b"", c@F",F,chat,2,1,30,4,5,6,3,34,34,1.0,"{""seconds"": 1.5}",0.0000001,1.0\r\n'
    )


def test_columns_stay_where_they_are_however_it_is_grouped() -> None:
    header, row = csv.reader(table([_LINE], ("type",)).splitlines())

    told = dict(zip(header, row, strict=True))
    assert tuple(header) == COLUMNS
    assert (told["date"], told["model"], told["factory"], told["type"]) == ("", "", "", "chat")


def test_a_cost_that_is_not_known_is_empty_and_not_zero() -> None:
    header, row = csv.reader(table([Line(_LINE.usage, None)], ("model",)).splitlines())

    assert row[header.index("cost_usd")] == ""


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", '=HYPERLINK("x")'])
def test_a_name_is_no_formula(name: str) -> None:
    line = Line(DayUsage(date(2026, 11, 1), name, "=F", 1), ModelType.CHAT)

    _, row = csv.reader(table([line], ("model", "factory")).splitlines(keepends=True))

    assert row[1] == f"'{name}@=F"
    assert row[2] == "'=F"


@pytest.mark.parametrize("name", ["gpt-4@OpenAI", "a=b@F", ""])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert harmless(name) == name
