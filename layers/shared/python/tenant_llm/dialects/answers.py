"""Values of a provider's answer, read without trust: what is not of its kind counts as missing.

A field nobody needs may be anything; what an answer cannot do without, its dialect demands itself.
"""

from math import isfinite

from tenant_llm.domain.wire import Json, JsonObject


def an_object(value: Json) -> JsonObject:
    """The object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def objects(value: Json) -> list[JsonObject]:
    """The objects of a list, or the one that stands there alone."""
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, dict)]


def a_text(value: Json) -> str:
    """The text; an empty one where it is none."""
    return value if isinstance(value, str) else ""


def a_count(value: Json) -> int | None:
    """The number as a whole one; a bool is none, nor is what Python reads beyond JSON: NaN and Infinity."""
    if isinstance(value, float):
        return int(value) if isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
