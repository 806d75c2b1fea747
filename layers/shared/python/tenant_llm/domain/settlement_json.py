"""A settlement as JSON: in the queue, in the log, and back."""

from dataclasses import replace
from datetime import UTC
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.records import decoded
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.wire import Json, JsonObject

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def encode(settlement: Settlement) -> JsonObject:
    """The settlement in JSON's types; amounts that are no numbers, which the ledger does not count, are left out."""
    amounts = {unit: amount for unit, amount in settlement.usage.native.items() if isfinite(amount)}
    usage = replace(settlement.usage, native=amounts)
    writable = replace(settlement, usage=usage, at=settlement.at.astimezone(UTC))
    encoded: JsonObject = _adapter().dump_python(writable, mode="json")
    return encoded


def decode(encoded: Json) -> Settlement:
    """The settlement that ``encode`` was given.

    Raises:
        InvalidRequest: When it is none; the message names the field.
    """
    settlement = decoded(_adapter(), encoded, "settlement")
    if settlement.at.tzinfo is None:
        raise InvalidRequest("settlement: at has no time zone", param="at")
    return settlement


@cache
def _adapter() -> "TypeAdapter[Settlement]":
    from pydantic import TypeAdapter  # the authorizer writes logs too, and settles nothing

    return TypeAdapter(Settlement)
