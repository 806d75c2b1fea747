"""Token counts as OpenAI's wire and its speakers report them.

https://platform.openai.com/docs/api-reference/chat/object (usage).
"""

from collections.abc import Mapping

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject


def chat_usage(usage: Json) -> Usage | None:
    """Usage of a chat; ``None`` where nothing was counted. An explicit zero is a count.

    ``total_tokens`` is what the provider stands by: where it holds more than prompt and completion, the rest is
    reasoning that was not counted as completion, or audio that was not counted as prompt (``prompt_audio_seconds``).
    """
    if not isinstance(usage, Mapping):
        return None
    asked = _first(usage, "prompt_tokens", "input_tokens")
    answered = _first(usage, "completion_tokens", "output_tokens")
    total = _first(usage, "total_tokens")
    if asked is None and answered is None and total is None:
        return None
    read = _details(usage, "prompt_tokens_details", "prompt_token_details", "input_tokens_details")
    written = _details(usage, "completion_tokens_details", "output_tokens_details")
    reasoned = _first(written, "reasoning_tokens")
    reasoned = (_first(usage, "reasoning_tokens") if reasoned is None else reasoned) or 0
    seconds = usage.get("prompt_audio_seconds")
    asked, answered = _split(asked, answered, total, heard=seconds is not None)
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cached_tokens=_either(read, usage, ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")),
        cache_write_tokens=_either(
            read, usage, ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
        ),
        reasoning_tokens=reasoned,
        native={"seconds": seconds} if seconds else {},
    )


def input_usage(usage: Json) -> Usage | None:
    """Usage of an embedding, where everything counted is input; ``None`` where nothing was counted."""
    counted = _first(usage, "total_tokens", "prompt_tokens", "input_tokens") if isinstance(usage, Mapping) else None
    return None if counted is None else Usage(counted)


def _split(asked: int | None, answered: int | None, total: int | None, *, heard: bool) -> tuple[int, int]:
    """Input and output; a count that is missing is what the other leaves of the total."""
    if asked is None:
        asked = max(0, (total or 0) - (answered or 0))
    rest = max(0, (total or 0) - asked - (answered or 0))
    return (asked + rest, answered or 0) if heard else (asked, (answered or 0) + rest)


def _first(counts: Mapping[str, Json], *names: str) -> int | None:
    """The first of the counts that is a number; a bool is none."""
    for name in names:
        value = counts.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return None


def _either(inner: JsonObject, outer: Mapping[str, Json], names: tuple[str, ...]) -> int:
    found = _first(inner, *names)
    return (_first(outer, *names) if found is None else found) or 0


def _details(usage: Mapping[str, Json], *names: str) -> JsonObject:
    return next((usage[name] for name in names if isinstance(usage.get(name), dict)), {})
