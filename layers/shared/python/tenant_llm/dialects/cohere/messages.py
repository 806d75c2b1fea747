"""OpenAI's messages and tools as this wire wants them: https://docs.cohere.com/docs/tool-use-overview."""

from collections.abc import Sequence

from tenant_llm.dialects.content import ImagePart, Part, TextPart, data_url, message_parts, text_of
from tenant_llm.dialects.fields import object_of, objects_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.wire import Json, JsonObject

_CHOICES = {"required": "REQUIRED", "none": "NONE"}


def messages(given: Sequence[JsonObject]) -> list[JsonObject]:
    """The conversation; roles are OpenAI's but for ``developer``.

    Raises:
        InvalidRequest: When a message cannot be right; ``param`` is the path down to the fault.
        UnsupportedModelType: When a part is neither text nor image.
    """
    return [_message(given, index) for index in range(len(given))]


def tools(request: ChatRequest) -> JsonObject:
    """Tools and the choice among them.

    Strictness is one for all tools here. A tool cannot be chosen by its name, but it can be the only one on offer.

    Raises:
        InvalidRequest: When the tool that is chosen by name is none of those on offer.
    """
    wanted = _named(request.tool_choice)
    offered = [tool for tool in request.tools if wanted is None or _function(tool).get("name") == wanted]
    if wanted and not offered:
        raise InvalidRequest(f"tool_choice names {wanted!r}, which is not among the tools", param="tool_choice")
    if not offered:
        return {}
    choice = _CHOICES.get(request.tool_choice) if isinstance(request.tool_choice, str) else None
    return {
        "tools": [_tool(tool) for tool in offered],
        "tool_choice": "REQUIRED" if wanted else choice,
        "strict_tools": True if any(_function(tool).get("strict") for tool in offered) else None,
    }


def response_format(wanted: JsonObject | None) -> JsonObject | None:
    """https://docs.cohere.com/docs/structured-outputs: JSON, with a schema or without."""
    match (wanted or {}).get("type"):
        case "json_schema":
            schema = object_of(wanted or {}, "json_schema", "response_format").get("schema")
            return {"type": "json_object", "json_schema": schema}
        case "text":
            return None
    return wanted


def _message(given: Sequence[JsonObject], index: int) -> JsonObject:
    message, where = given[index], f"messages[{index}].content"
    match message.get("role"):
        case "system" | "developer":
            return {"role": "system", "content": text_of(message.get("content"), where)}
        case "assistant":
            return _assistant(message, f"messages[{index}]")
        case "tool":
            result = text_of(message.get("content"), where)
            return {"role": "tool", "tool_call_id": message.get("tool_call_id"), "content": result}
    said = [_part(part, f"{where}[{place}]") for place, part in enumerate(message_parts(given, index))]
    return {"role": message.get("role"), "content": said}


def _assistant(message: JsonObject, where: str) -> JsonObject:
    """An earlier answer; the plan behind its calls goes back with them."""
    calls = objects_of(message, "tool_calls", where)
    said = {
        "role": "assistant",
        "content": text_of(message.get("content"), f"{where}.content") or (None if calls else ""),
        "tool_calls": [{name: call.get(name) for name in ("id", "type", "function")} for call in calls] or None,
        "tool_plan": message.get("tool_plan"),
    }
    return {name: value for name, value in said.items() if value is not None}


def _part(part: Part, where: str) -> JsonObject:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            url = data_url(part.data, part.media_type) if part.data is not None else part.url
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
    raise UnsupportedModelType(f"{where}: this model takes texts and images only", param=where)


def _tool(tool: JsonObject) -> JsonObject:
    """A function without the marks that this wire does not know."""
    function = _function(tool)
    known = {name: function[name] for name in ("name", "description", "parameters") if function.get(name) is not None}
    return {"type": "function", "function": {"parameters": {"type": "object", "properties": {}}, **known}}


def _function(tool: JsonObject) -> JsonObject:
    return object_of(tool, "function", "tools")


def _named(choice: Json) -> Json:
    """The name of the function that has to be called, if one is named."""
    return object_of(choice, "function", "tool_choice").get("name") if isinstance(choice, dict) else None
