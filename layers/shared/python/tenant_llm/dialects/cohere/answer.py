"""What an answer says, whole or streamed: https://docs.cohere.com/reference/chat."""

from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.domain.errors import ProviderUnavailable
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json

_FINISH = {"MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "ERROR_TOXIC": "content_filter"}
_FAILED = {"ERROR", "TIMEOUT", "ERROR_LIMIT"}


def finish_reason(said: Json, why: Json = None) -> str | None:
    """OpenAI's word for why an answer ended; ``None`` while it has not.

    Raises:
        ProviderUnavailable: When the provider gave up; ``why`` is its own message, if there is one.
    """
    if str(said) in _FAILED:
        raise ProviderUnavailable(f"the provider broke its answer off: {why or said}")
    return _FINISH.get(str(said), "stop") if said else None


def text_and_thought(content: Json) -> tuple[str, str]:
    """Text and reasoning of a content: a list of parts, one part of a stream, or a bare text."""
    if isinstance(content, str):
        return content, ""
    parts = objects(content)
    return (
        "".join(a_text(part.get("text")) for part in parts),
        "".join(a_text(part.get("thinking")) for part in parts),
    )


def usage_of(usage: Json) -> Usage | None:
    """The tokens processed; those billed, which leave the provider's own prompt out, only where there are no others."""
    usage = an_object(usage)
    for name in ("tokens", "billed_units"):
        counts = an_object(usage.get(name))
        asked, answered = a_count(counts.get("input_tokens")), a_count(counts.get("output_tokens"))
        if asked is not None or answered is not None:
            return Usage(asked or 0, answered or 0, cached_tokens=a_count(usage.get("cached_tokens")) or 0)
    return None
