"""What an answer says, whole or streamed: https://docs.cohere.com/reference/chat."""

from collections.abc import Mapping

from tenant_llm.domain.errors import ProviderUnavailable
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject

_FINISH = {"MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "ERROR_TOXIC": "content_filter"}
_FAILED = {"ERROR", "TIMEOUT", "ERROR_LIMIT"}


def finish_reason(said: Json, why: Json = None) -> str | None:
    """OpenAI's word for why an answer ended; ``None`` while it has not.

    Raises:
        ProviderUnavailable: When the provider gave up; ``why`` is its own message, if there is one.
    """
    if said in _FAILED:
        raise ProviderUnavailable(f"the provider broke its answer off: {why or said}")
    return _FINISH.get(str(said), "stop") if said else None


def text_and_thought(content: Json) -> tuple[str, str]:
    """Text and reasoning of a content: a list of parts, one part of a stream, or a bare text."""
    if isinstance(content, str):
        return content, ""
    parts = [part for part in (content if isinstance(content, list) else [content]) if isinstance(part, dict)]
    return (
        "".join(part.get("text") or "" for part in parts),
        "".join(part.get("thinking") or "" for part in parts),
    )


def usage_of(usage: Json) -> Usage | None:
    """The tokens processed; those billed, which leave the provider's own prompt out, only where there are no others."""
    if not isinstance(usage, Mapping):
        return None
    for name in ("tokens", "billed_units"):
        counts: JsonObject = usage.get(name) or {}
        if counts.get("input_tokens") is not None or counts.get("output_tokens") is not None:
            return Usage(
                input_tokens=int(counts.get("input_tokens") or 0),
                output_tokens=int(counts.get("output_tokens") or 0),
                cached_tokens=int(usage.get("cached_tokens") or 0),
            )
    return None
