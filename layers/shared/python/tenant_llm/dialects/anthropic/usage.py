"""Token counts: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (tracking cache performance)."""

from collections.abc import Mapping

from tenant_llm.dialects.answers import a_count, an_object
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json

_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def counts(usage: Json) -> dict[str, int]:
    """The counts that a usage object holds; ``thinking_tokens`` are a part of ``output_tokens``."""
    said = an_object(usage)
    details = an_object(said.get("output_tokens_details"))
    found = {name: a_count(said.get(name)) for name in _COUNTS}
    found["thinking_tokens"] = a_count(details.get("thinking_tokens"))
    return {name: count for name, count in found.items() if count is not None}


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
