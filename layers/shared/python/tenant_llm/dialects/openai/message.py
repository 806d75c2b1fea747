"""Fields of a message or of a piece of one, as OpenAI's wire and its speakers write them."""

from collections.abc import Mapping
from json import dumps

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.errors import provider_error
from tenant_llm.domain.errors import ProviderUnavailable
from tenant_llm.domain.wire import Json, JsonObject

_REASONING = ("reasoning_content", "reasoning")
_KNOWN = {"role", "content", "tool_calls", "function_call", "name", "padding", "obfuscation", *_REASONING}
_CALL_KNOWN = {"id", "type", "index", "function", "custom"}
_SOURCES = ("citations", "search_results")
_FAILED = ("error", "network_error")
_FINISH = {
    "length": "length",
    "max_tokens": "length",
    "max_length": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}


def finish_reason(said: Json) -> str | None:
    """OpenAI's word for why an answer ended; ``None`` while it has not."""
    return _FINISH.get(str(said).lower(), "stop") if said else None


def refuse_failed(choice: Mapping[str, Json]) -> None:
    """Raise what went wrong with one choice; return when nothing did.

    Raises:
        ProviderError: When it carries an error object, or ended for a reason that is a failure.
    """
    if choice.get("error"):
        raise provider_error(None, {"error": choice["error"]}, {})
    if choice.get("finish_reason") in _FAILED:
        raise ProviderUnavailable(f"the provider broke its answer off: finish_reason {choice['finish_reason']!r}")


def sources(body: Mapping[str, Json]) -> JsonObject:
    """What the answer of a searching model rests on, which stands beside the choices."""
    return {name: body[name] for name in _SOURCES if body.get(name)}


def text_and_reasoning(message: Mapping[str, Json]) -> tuple[str, str]:
    """The text of a message and its reasoning, as far as a field or a part of the content says which is which."""
    text, thought = _content(message.get("content"))
    told = (_text(message.get(name)) for name in (*_REASONING, "reasoning_details"))
    return text, thought or next((value for value in told if value), "")


def calls(message: Mapping[str, Json]) -> list[JsonObject]:
    """The tool calls of a message; OpenAI's older ``function_call`` is one of them."""
    if found := message.get("tool_calls"):
        return objects(found)
    old = message.get("function_call")
    return [{"function": old}] if isinstance(old, dict) and any(old.values()) else []


def function_of(call: Mapping[str, Json]) -> tuple[str, str]:
    """A call's name and arguments; these as JSON text, also from providers that send them decoded."""
    function = an_object(call.get("function") or call.get("custom"))
    arguments = function.get("arguments", function.get("input"))
    if arguments is not None and not isinstance(arguments, str):
        arguments = dumps(arguments, ensure_ascii=False)
    return a_text(function.get("name")), arguments or ""


def call_extra(call: Mapping[str, Json]) -> JsonObject:
    """What a call holds beyond OpenAI's fields."""
    return {name: value for name, value in call.items() if name not in _CALL_KNOWN and value is not None}


def unplaced(message: Mapping[str, Json]) -> JsonObject:
    """What a message holds beyond the fields that have a place of their own; empty ones say nothing."""
    return {name: value for name, value in message.items() if name not in _KNOWN and value not in (None, "", [], {})}


def _content(content: Json) -> tuple[str, str]:
    """Text and reasoning of a content, which may be a list of parts, some of them thoughts.

    https://docs.mistral.ai/capabilities/reasoning/
    """
    if not isinstance(content, list):
        return _text(content), ""
    thoughts = [part for part in content if isinstance(part, dict) and part.get("type") == "thinking"]
    return (
        "".join(_text(part) for part in content if part not in thoughts),
        "".join(_text(part.get("thinking")) for part in thoughts),
    )


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(item) for item in value)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"])
    return "" if value is None or isinstance(value, dict) else dumps(value)
