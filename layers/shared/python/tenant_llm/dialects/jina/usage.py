"""What a rerank used, wherever the speakers of this wire put it."""

from collections.abc import Mapping

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject


def rerank_usage(body: Mapping[str, Json]) -> Usage | None:
    """Tokens from the first place that holds any, and search units beside them; ``None`` where nothing was counted.

    A provider that bills search units and counts no tokens has used none: its unit is kept as it is.
    """
    usage, meta = _object(body, "usage"), _object(body, "meta")
    billed = _object(meta, "billed_units")
    tokens = _first(usage, "total_tokens", "prompt_tokens", "input_tokens")
    if tokens is None:
        tokens = _first(billed, "total_tokens", "input_tokens")
    if tokens is None:
        tokens = _sum(_object(meta, "tokens"))
    if tokens is None:
        tokens = _sum(_object(body, "tokens"))
    units = _number(billed.get("search_units"))
    if tokens is None and units is None:
        return None
    return Usage(int(tokens or 0), native={} if units is None else {"search_units": units})


def _sum(tokens: JsonObject) -> float | None:
    """Input and output together: a score is no text, so what is called output was read all the same."""
    found = [count for name in ("input_tokens", "output_tokens") if (count := _number(tokens.get(name))) is not None]
    return sum(found) if found else None


def _first(counts: JsonObject, *names: str) -> float | None:
    return next((count for name in names if (count := _number(counts.get(name))) is not None), None)


def _object(body: Mapping[str, Json], name: str) -> JsonObject:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
