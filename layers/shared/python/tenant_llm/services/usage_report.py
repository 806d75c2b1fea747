"""Reading the accounts: a period of a tenant's, whole or page by page, with what it cost."""

from collections.abc import Iterator
from itertools import islice

from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.usage_report import Line, Page, Period
from tenant_llm.repositories.usage_ledger import UsageRepository
from tenant_llm.services import prices


class UsageReportService:
    """Tells what a tenant has used."""

    def __init__(self, ledger: UsageRepository) -> None:
        self._ledger = ledger

    def page(self, tenant_id: str, period: Period, limit: int) -> Page:
        """The first of the period's days of models, ``limit`` at most.

        Raises:
            ServiceUnavailable: When storage refuses.
        """
        found = list(islice(self._found(tenant_id, period, limit), limit + 1))
        days, more = found[:limit], len(found) > limit
        lines = [Line(part, kind, prices.cost(part, kind)) for day in days for kind, part in day.parts()]
        return Page(lines, (days[-1].day, days[-1].address) if more else None, prices.source())

    def _found(self, tenant_id: str, period: Period, limit: int) -> Iterator[DayUsage]:
        # With a filter it is not known how many have to be read for so many to be found: then 1 MB at once.
        at_once = None if period.models else limit + 1
        for day in self._ledger.read_days(tenant_id, period.since, period.until, period.after, at_once):
            if not period.models or not period.models.isdisjoint({day.address, day.llm_name}):
                yield day
