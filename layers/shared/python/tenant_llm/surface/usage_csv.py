"""A report as CSV (RFC 4180): one header, the same columns whatever is asked, empty where a column does not apply."""

import csv
from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import StringIO
from json import dumps

from tenant_llm.domain.settlement import COUNTS
from tenant_llm.domain.usage_report import Dimension, Line, grouped, totals

_PLACES: Mapping[Dimension, str] = {"day": "date", "model": "model", "factory": "factory", "type": "type"}
COLUMNS = (
    *_PLACES.values(),
    *COUNTS,
    "total_tokens",
    "estimated_share",
    "native",
    "cost_usd",
    "priced_share",
)
# What makes a spreadsheet read a cell as a formula; tenants choose the names of models.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def table(lines: Sequence[Line], by: Sequence[Dimension]) -> str:
    """The groups as rows; no row of totals, which whoever sums a column would count twice."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for places, part in grouped(lines, by):
        place = dict(zip(by, places, strict=True))
        total = totals(part)
        writer.writerow(
            [
                *(harmless(place.get(dimension) or "") for dimension in _PLACES),
                *(total.counts[name] for name in COUNTS),
                total.total_tokens,
                total.estimated_share,
                dumps(total.native) if total.native else "",
                "" if total.cost is None else _plain(total.cost),
                "" if total.priced_share is None else total.priced_share,
            ]
        )
    return text.getvalue()


def harmless(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _plain(cost: Decimal) -> str:
    return f"{cost.normalize():f}"
