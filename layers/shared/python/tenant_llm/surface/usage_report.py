"""The accounts as callers ask for them, tenants and operators: a period, grouped, in pages, as JSON or CSV."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from json import dumps, loads
from typing import TYPE_CHECKING, cast

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.settlement import COUNTS, DayKey
from tenant_llm.domain.usage_report import DIMENSIONS, Dimension, Line, Period, Totals, grouped, totals
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.arguments import LONGEST_BYTES, arguments
from tenant_llm.surface.entrypoint import Answer, Call
from tenant_llm.surface.invalid import shortened
from tenant_llm.surface.usage_csv import table

if TYPE_CHECKING:
    # Not at run time: it brings the tables' client, which a handler loads only when it is prepared.
    from tenant_llm.services.usage_report import UsageReportService

_USUAL_DAYS = 30
_MOST_DAYS = 366
_FIRST_DAY = date(1970, 1, 1)
# Models' days in one answer: of some 500 bytes each, they stay below the 6 MB that Lambda answers with.
_MOST_READ = 10_000
_FORMATS = ("json", "csv")
_CSV_TYPE = "text/csv"
_FIELDS: Mapping[Dimension, str] = {"model": "model", "type": "type", "day": "date", "factory": "factory"}
_CENTS = 12  # decimal places of a dollar: a token of the cheapest models costs some 1e-8


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report shall tell; without ``group_by`` it tells models, each with its days."""

    since: date
    until: date
    models: frozenset[str]
    group_by: tuple[Dimension, ...]
    limit: int | None
    after: DayKey | None
    csv: bool


def report(call: Call, service: Callable[[], "UsageReportService"]) -> Answer:
    """What the tenant has used; the service is asked for once it is known that the question is right.

    Raises:
        InvalidRequest: When an argument is wrong, or the period is longer than one answer and no ``limit`` is given.
    """
    tenant_id = call.caller.tenant_id
    if not tenant_id.strip():
        raise InvalidRequest(f"tenant_id is {tenant_id!r}: not a tenant's id", param="tenant_id")
    asked = ask(call)
    period = Period(asked.since, asked.until, asked.models, asked.after)
    page = service().page(tenant_id, period, asked.limit or _MOST_READ)
    if page.next is not None and asked.limit is None:
        raise InvalidRequest(
            f"limit is required: the period has more than {_MOST_READ} days of models, go on with next_cursor",
            param="limit",
        )
    cursor = None if page.next is None else write_cursor(tenant_id, page.next)
    if not asked.csv:
        return Answer(render(asked, page.lines, page.price_source) | {"next_cursor": cursor})
    text = table(page.lines, asked.group_by or ("day", "model"))
    if call.direct:
        return Answer({"csv": text, "next_cursor": cursor})
    return Answer(text, content_type=f"{_CSV_TYPE}; charset=utf-8", headers={"x-next-cursor": cursor} if cursor else {})


def ask(call: Call) -> Asked:
    """The arguments of a call, read.

    Raises:
        InvalidRequest: When one is wrong; it names it and its value.
    """
    query = arguments(call)
    since, until = period(query)
    return Asked(
        since,
        until,
        frozenset(_listed(query, "models")),
        _group_by(query),
        _limit(query),
        _after(query, call.caller.tenant_id, since, until),
        _is_csv(query, call.accept),
    )


def period(query: Mapping[str, Json], today: date | None = None) -> tuple[date, date]:
    """``since`` and ``until`` of a query: ISO dates in UTC, both included; the last 30 days where they are missing.

    Raises:
        InvalidRequest: When one is no date, ``since`` is after ``until``, or they span more than 366 days.
    """
    until = _date(query, "until") or today or datetime.now(UTC).date()
    since = _date(query, "since") or max(until, _FIRST_DAY) - timedelta(days=_USUAL_DAYS - 1)
    if not timedelta(0) <= until - since < timedelta(days=_MOST_DAYS):
        raise InvalidRequest(
            f"since is {since.isoformat()!r}: not 0 to {_MOST_DAYS - 1} days before until, {until.isoformat()!r}",
            param="since",
        )
    return since, until


def render(asked: Asked, lines: Sequence[Line], price_source: str) -> JsonObject:
    """The totals, and the groups asked for; without any, models with their days. What was not used is left out."""
    head: JsonObject = {"since": asked.since.isoformat(), "until": asked.until.isoformat()}
    prices = {"currency": "USD", "source": price_source}
    if asked.group_by:
        groups = [
            {**{_FIELDS[name]: place for name, place in zip(asked.group_by, places, strict=True)}, **sums(part)}
            for places, part in grouped(lines, asked.group_by)
        ]
        return {**head, "group_by": [*asked.group_by], "totals": sums(lines), "groups": groups, "prices": prices}
    models = [
        {
            "model": address,
            **sums(part),
            "days": [{"date": day, **sums(of_day)} for (day,), of_day in grouped(part, ("day",))],
        }
        for (address,), part in grouped(lines, ("model",))
    ]
    return {**head, "totals": sums(lines), "models": models, "prices": prices}


def sums(lines: Sequence[Line]) -> JsonObject:
    """What some lines come to, as callers read it."""
    total = totals(lines)
    return {
        **{name: total.counts[name] for name in COUNTS if name != "estimated_tokens"},
        "total_tokens": total.total_tokens,
        "estimated_tokens": total.counts["estimated_tokens"],
        "estimated_share": total.estimated_share,
        "native": dict(total.native),
        "cost_usd": _dollars(total),
        "priced_share": total.priced_share,
    }


def write_cursor(tenant_id: str, after: DayKey) -> str:
    """An opaque text of where a page ended, for that tenant alone."""
    day, address = after
    return urlsafe_b64encode(dumps([tenant_id, day.isoformat(), address]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, tenant_id: str) -> DayKey | None:
    """Where the page ended; ``None`` where the text is none of ours for that tenant."""
    try:
        owner, day, address = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if owner != tenant_id or len(address.encode()) > LONGEST_BYTES:
            return None
        return date.fromisoformat(day), address
    except (AttributeError, TypeError, ValueError, RecursionError):
        return None


def _after(query: Mapping[str, Json], tenant_id: str, since: date, until: date) -> DayKey | None:
    cursor = query.get("cursor")
    if cursor is None:
        return None
    found = read_cursor(cursor, tenant_id) if isinstance(cursor, str) else None
    if found is None or not since <= found[0] <= until:
        raise InvalidRequest(f"cursor is {shortened(cursor)}: not one of this tenant and period", param="cursor")
    return found


def _date(query: Mapping[str, Json], name: str) -> date | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except (TypeError, ValueError):
        raise InvalidRequest(f"{name} is {shortened(text)}: not a date like '2026-11-23'", param=name) from None


def _group_by(query: Mapping[str, Json]) -> tuple[Dimension, ...]:
    names = _listed(query, "group_by")
    for name in names:
        if name not in DIMENSIONS:
            raise InvalidRequest(
                f"group_by has {shortened(name)}: not one of {', '.join(DIMENSIONS)}", param="group_by"
            )
    return cast("tuple[Dimension, ...]", tuple(dict.fromkeys(names)))


def _listed(query: Mapping[str, Json], name: str) -> list[str]:
    """A list, or a text with commas; nothing in it is blank."""
    given = query.get(name)
    if given is None:
        return []
    values = given.split(",") if isinstance(given, str) else given
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and one.strip() for one in values):
        raise InvalidRequest(f"{name} is {shortened(given)}: not names separated by commas", param=name)
    return [one.strip() for one in values]


def _limit(query: Mapping[str, Json]) -> int | None:
    given = query.get("limit")
    if given is None:
        return None
    text = str(given)
    is_count = not isinstance(given, bool) and text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_READ))
    if not is_count or not 1 <= int(text) <= _MOST_READ:
        raise InvalidRequest(f"limit is {shortened(given)}: not an integer of 1 to {_MOST_READ}", param="limit")
    return int(text)


def _is_csv(query: Mapping[str, Json], accept: str) -> bool:
    """``format``, else the type that the caller accepts first."""
    given = query.get("format")
    if given is None:
        return accept.split(",")[0].partition(";")[0].strip().lower() == _CSV_TYPE
    if given not in _FORMATS:
        raise InvalidRequest(f"format is {shortened(given)}: not one of {', '.join(_FORMATS)}", param="format")
    return bool(given == "csv")


def _dollars(total: Totals) -> float | None:
    return None if total.cost is None else float(round(total.cost, _CENTS))
