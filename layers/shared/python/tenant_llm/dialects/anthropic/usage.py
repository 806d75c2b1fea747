"""Token counts: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (tracking cache performance)."""

from collections.abc import Mapping

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json

_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def counts(usage: Json) -> dict[str, int]:
    """The counts that a usage object holds; ``thinking_tokens`` are a part of ``output_tokens``."""
    if not isinstance(usage, Mapping):
        return {}
    details = usage.get("output_tokens_details") or {}
    said = {name: usage.get(name) for name in _COUNTS} | {"thinking_tokens": details.get("thinking_tokens")}
    return {name: int(value) for name, value in said.items() if isinstance(value, int | float)}


def usage_of(found: Mapping[str, int]) -> Usage | None:
    """What the counts come to. What went into the cache or came from it is counted beside the input, not in it."""
    if not found:
        return None
    written = found.get("cache_creation_input_tokens", 0)
    read = found.get("cache_read_input_tokens", 0)
    return Usage(
        input_tokens=found.get("input_tokens", 0) + written + read,
        output_tokens=found.get("output_tokens", 0),
        cached_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=found.get("thinking_tokens", 0),
    )
