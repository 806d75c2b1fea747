"""The items of the Usage table that accounts are made of: one of each settled call, one of each day and model."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from math import isfinite
from typing import Any, Self, cast, override

from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.models import Model

from tenant_llm.domain.amounts import added
from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import COUNTS, CallStatus, DayUsage, Settlement
from tenant_llm.domain.usage import Usage

_NATIVE = "native_"
_OF_TYPE = "#"
# The largest magnitude of a DynamoDB number is just under 1e126, and a total must still fit.
_LARGEST_AMOUNT = 1e100


class CallItem(Model):
    """A ledger item: what one call used. It expires some time after the accounts of its day are closed."""

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    request_id = UnicodeAttribute()
    llm_name = UnicodeAttribute()
    llm_factory = UnicodeAttribute()
    model_type = UnicodeAttribute()
    row = UnicodeAttribute(null=True)
    input_tokens = NumberAttribute()
    output_tokens = NumberAttribute()
    cached_tokens = NumberAttribute()
    cache_write_tokens = NumberAttribute()
    reasoning_tokens = NumberAttribute()
    native = MapAttribute[str, float](default=dict)  # type: ignore[no-untyped-call]
    estimated = BooleanAttribute()
    status = UnicodeAttribute()
    charged = ListAttribute[str](null=True)
    """The counters of budgets that the tokens are added to."""
    at = UTCDateTimeAttribute()
    expires_at = TTLAttribute()


class DayItem(Model):
    """A day's totals of one model, and the same by type, in attributes such as ``chat#calls``.

    Native units are attributes ``native_<unit>`` and ``chat#native_<unit>``: what is added to stands at the top level.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
    """

    tenant_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    calls = NumberAttribute(default=0)
    errors = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cached_tokens = NumberAttribute(default=0)
    cache_write_tokens = NumberAttribute(default=0)
    reasoning_tokens = NumberAttribute(default=0)
    estimated_tokens = NumberAttribute(default=0)

    added: dict[str, float]
    """The attributes that the class does not name."""

    @classmethod
    @override
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        item = super().from_raw_data(data)
        unnamed = {name: value for name, value in data.items() if name.startswith(_NATIVE) or _OF_TYPE in name}
        item.added = {name: NumberAttribute().deserialize(value["N"]) for name, value in sorted(unnamed.items())}
        return item


def day_entry(settlement: Settlement) -> str:
    """The sort key of the day that a settlement counts for."""
    return entry_of_day(utc_day(settlement.at), settlement.address)


def entry_of_day(day: date, address: str) -> str:
    """The sort key of a day and model."""
    return f"day#{day.isoformat()}#{address}"


def utc_day(at: datetime) -> date:
    """The day of accounts that a time falls in."""
    return at.astimezone(UTC).date()


def fields_of(settlement: Settlement, row: str | None) -> dict[str, Any]:
    """The attributes of a ledger item, but for its key and its end; ``row`` is the one that the tokens are added to."""
    usage = settlement.usage
    return {
        "request_id": settlement.request_id,
        "llm_name": settlement.llm_name,
        "llm_factory": settlement.llm_factory,
        "model_type": settlement.model_type.value,
        "row": row,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "native": _native(settlement),
        "estimated": usage.estimated,
        "status": settlement.status,
        "charged": settlement.reservation and list(settlement.reservation.counters),
        "at": settlement.at,
    }


def settled_by(item: CallItem) -> Settlement:
    """The settlement that wrote the item; nothing is reserved for it any more."""
    return Settlement(
        item.tenant_id,
        item.request_id,
        item.llm_name,
        item.llm_factory,
        ModelType(item.model_type),
        Usage(
            int(item.input_tokens),
            int(item.output_tokens),
            int(item.cached_tokens),
            int(item.cache_write_tokens),
            int(item.reasoning_tokens),
            item.native.as_dict(),
            item.estimated,
        ),
        item.at,
        item.row,
        cast("CallStatus", item.status),
        None if item.charged is None else Reservation(tuple(item.charged)),
    )


def amounts(settlement: Settlement) -> dict[str, float]:
    """What a settlement adds to the attributes of its day: native units, and what is not 0."""
    usage = settlement.usage
    counts = {
        "calls": 1,
        "errors": int(settlement.failed),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated_tokens": usage.total_tokens if usage.estimated else 0,
    }
    units = {_NATIVE + unit: amount for unit, amount in _native(settlement).items()}
    plain = {name: count for name, count in counts.items() if count} | units
    return plain | {of_type(settlement.model_type, name): amount for name, amount in plain.items()}


def summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sums of amounts by name, exact in decimals."""
    by_name: dict[str, list[float]] = {}
    for part in parts:
        for name, amount in part.items():
            by_name.setdefault(name, []).append(amount)
    return {name: added(values) for name, values in by_name.items()}


def of_type(model_type: ModelType, name: str) -> str:
    """The attribute that counts the same for one type alone."""
    return f"{model_type.value}{_OF_TYPE}{name}"


def _native(settlement: Settlement) -> dict[str, float]:
    """The native units that can be counted: an amount that is no number, or beyond counting, is none."""
    return {
        unit: amount
        for unit, amount in settlement.usage.native.items()
        if isfinite(amount) and abs(amount) < _LARGEST_AMOUNT
    }


def day_usage(item: DayItem) -> DayUsage:
    """What an item tells."""
    _, day, address = item.entry.split("#", 2)
    llm_name, _, llm_factory = address.rpartition("@")
    of = partial(DayUsage, date.fromisoformat(day), llm_name, llm_factory)
    types = {name.partition(_OF_TYPE)[0] for name in item.added if _OF_TYPE in name}
    return of(
        **{name: int(getattr(item, name)) for name in COUNTS},
        native=_units(item, _NATIVE),
        by_type={kind: of(**_counts_of(item, kind)) for kind in ModelType if kind.value in types},
    )


def _counts_of(item: DayItem, kind: ModelType) -> dict[str, Any]:
    prefix = kind.value + _OF_TYPE
    counts = {name: int(item.added.get(prefix + name, 0)) for name in COUNTS}
    return {**counts, "native": _units(item, prefix + _NATIVE)}


def _units(item: DayItem, prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): amount for name, amount in item.added.items() if name.startswith(prefix)}
