"""Usage told to us, and usage told to callers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, Field, StrictInt

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.arguments import arguments, read
from tenant_llm.surface.entrypoint import Call

_USUAL_DAYS = 30
# A quarter: some hundred models of some 300 bytes a day stay below the 6 MB that Lambda answers with.
_MOST_DAYS = 92
_FIRST_DAY = date(1970, 1, 1)
_COUNTS = (
    "calls",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "total_tokens",
    "estimated_tokens",
)


class UsageCall(BaseModel):
    """Tokens that were used elsewhere. ``used_tokens`` is an integer: no bool, no float, no text.

    Its upper end keeps one wrong call from spoiling the counter: no model takes as many in a year.
    """

    llm_type: ModelType
    used_tokens: StrictInt = Field(ge=0, le=10**12)
    llm_name: str | None = Field(default=None, min_length=1, max_length=512)
    request_id: str | None = Field(default=None, min_length=1, max_length=512)


def ask(call: Call) -> UsageCall:
    """What is to be added.

    Raises:
        InvalidRequest: When a field is unknown.
        pydantic.ValidationError: When a field is missing or wrong.
    """
    return read(UsageCall, call.body)


def ask_period(call: Call) -> tuple[date, date]:
    """The period asked for; see ``period``."""
    return period(arguments(call))


def period(query: Mapping[str, Json], today: date | None = None) -> tuple[date, date]:
    """``since`` and ``until`` of a query: ISO dates in UTC, both included; the last 30 days where they are missing.

    Raises:
        InvalidRequest: When one is no date, ``since`` is after ``until``, or they span more than 92 days.
    """
    until = _date(query, "until") or today or datetime.now(UTC).date()
    since = _date(query, "since") or max(until, _FIRST_DAY) - timedelta(days=_USUAL_DAYS - 1)
    if not timedelta(0) <= until - since < timedelta(days=_MOST_DAYS):
        raise InvalidRequest(
            f"since is {since.isoformat()!r}: not 0 to {_MOST_DAYS - 1} days before until, {until.isoformat()!r}",
            param="since",
        )
    return since, until


def render(since: date, until: date, days: Iterable[DayUsage]) -> JsonObject:
    """The totals of the period, then of each model with its days; a day without calls is left out.

    ``estimated_share`` is the part, 0 to 1, of the total tokens that we estimated because a provider reported none.
    ``native`` sums the units of models that are not billed in tokens.
    """
    by_model: dict[str, list[DayUsage]] = defaultdict(list)
    for day in days:
        by_model[day.address].append(day)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "totals": _totals([day for series in by_model.values() for day in series]),
        "models": [
            {
                "model": address,
                **_totals(series),
                "days": [{"date": day.day.isoformat(), **_totals([day])} for day in sorted(series, key=_by_day)],
            }
            for address, series in sorted(by_model.items())
        ],
    }


def _date(query: Mapping[str, Json], name: str) -> date | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except (TypeError, ValueError):
        raise InvalidRequest(f"{name} is {text!r}: not a date like '2026-11-23'", param=name) from None


def _by_day(day: DayUsage) -> date:
    return day.day


def _totals(days: Iterable[DayUsage]) -> JsonObject:
    totals: JsonObject = dict.fromkeys(_COUNTS, 0)
    native: dict[str, float] = defaultdict(float)
    for day in days:
        for name in _COUNTS:
            totals[name] += getattr(day, name)
        for unit, amount in day.native.items():
            native[unit] += amount
    total = totals["total_tokens"]
    totals["estimated_share"] = round(totals["estimated_tokens"] / total, 4) if total else 0.0
    totals["native"] = dict(sorted(native.items()))
    return totals
