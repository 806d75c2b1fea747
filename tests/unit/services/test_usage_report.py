from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayKey, DayUsage
from tenant_llm.domain.usage_report import Line, Period, totals
from tenant_llm.repositories.usage_ledger import UsageRepository
from tenant_llm.services.usage_report import UsageReportService

_NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))


class _Ledger:
    """Days in a list."""

    def __init__(self, days: list[DayUsage]) -> None:
        self._days = sorted(days, key=lambda day: (day.day, day.address))

    def read_days(
        self, tenant_id: str, since: date, until: date, after: DayKey | None, at_once: int | None
    ) -> Iterator[DayUsage]:
        yield from (day for day in self._days if after is None or (day.day, day.address) > after)


def _typed(day: DayUsage) -> DayUsage:
    """With a part that is of a type, and a part that is of none."""
    chat = replace(day, calls=day.calls // 2, input_tokens=day.input_tokens // 3, native={}, errors=0)
    return replace(day, by_type={ModelType.CHAT: chat})


_DAYS = st.lists(
    st.builds(
        DayUsage,
        st.dates(*_NOVEMBER),
        st.sampled_from(["gpt-4", "gpt-4o", "of-nobody"]),
        st.sampled_from(["OpenAI", "Ollama"]),
        st.integers(0, 100),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        native=st.dictionaries(st.sampled_from(["seconds", "pages"]), st.integers(1, 10**6).map(lambda ms: ms / 1000)),
        errors=st.integers(0, 9),
    ).map(_typed),
    unique_by=lambda day: (day.day, day.address),
    max_size=12,
)


@settings(derandomize=True, deadline=None)  # the first one loads the prices
@given(_DAYS, st.integers(1, 13), st.frozensets(st.sampled_from(["gpt-4", "gpt-4o@OpenAI", "x"])))
def test_pages_put_together_are_the_whole(days: list[DayUsage], limit: int, models: frozenset[str]) -> None:
    service = UsageReportService(cast("UsageRepository", _Ledger(days)))
    whole = service.page("acme", Period(*_NOVEMBER, models), 1000)

    lines: list[Line] = []
    after: DayKey | None = None
    while True:
        page = service.page("acme", Period(*_NOVEMBER, models, after), limit)
        lines += page.lines
        after = page.next
        if after is None:
            break
        assert page.lines

    assert whole.next is None
    assert lines == whole.lines
    wanted = [day for day in days if not models or models & {day.address, day.llm_name}]
    assert totals(lines).counts["input_tokens"] == sum(day.input_tokens for day in wanted)
    assert totals(lines).counts["errors"] == sum(day.errors for day in wanted)
