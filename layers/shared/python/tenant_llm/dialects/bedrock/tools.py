"""Tools and the choice among them: https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use.html."""

from collections.abc import Sequence

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.bedrock.blocks import CACHE_POINT
from tenant_llm.dialects.fields import object_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.wire import Json, JsonObject

_CHOICES = {"auto": "auto", "required": "any", "any": "any"}


def tool_config(request: ChatRequest) -> JsonObject | None:
    """The tools and which to call; nothing where none is offered and none was called before.

    The wire has no word for ``none``, so no tools are offered then. But messages with calls are refused without tools:
    where none is offered, the names in the messages are.
    """
    called = _called(request.messages)
    offered = [] if request.tool_choice == "none" and not called else _tools(request.tools)
    if not offered:
        remembered = [_spec({"name": name}, "messages") for name in called]
        return {"tools": remembered} if remembered else None
    choice = _choice(request.tool_choice)
    return {"tools": offered} | ({"toolChoice": choice} if choice else {})


def _tools(offered: Sequence[JsonObject]) -> list[JsonObject]:
    """Functions with their schema; other tools, as ``systemTool``, without the type that only OpenAI's wire has."""
    result: list[JsonObject] = []
    for index, tool in enumerate(offered):
        if tool.get("type", "function") != "function" or "function" not in tool:
            result.append({name: value for name, value in tool.items() if name != "type"})
            continue
        result.append(_spec(object_of(tool, "function", f"tools[{index}]"), f"tools[{index}].function"))
        result += [CACHE_POINT] if tool.get("cache_control") else []
    return result


def _spec(function: JsonObject, where: str) -> JsonObject:
    schema = {"type": "object", "properties": {}, **object_of(function, "parameters", where)}
    spec: JsonObject = {"name": function.get("name"), "inputSchema": {"json": schema}}
    if function.get("description"):
        spec["description"] = function["description"]
    if function.get("strict"):
        spec["strict"] = True
    return {"toolSpec": spec}


def _choice(choice: Json) -> JsonObject | None:
    if isinstance(choice, dict):
        function = object_of(choice, "function", "tool_choice") or choice
        return {"tool": {"name": function.get("name")}} if choice.get("type") == "function" else choice
    word = _CHOICES.get(str(choice))
    return {word: {}} if word else None


def _called(messages: Sequence[JsonObject]) -> list[str]:
    """The names of the functions that the messages call, each once."""
    calls = [call.get("function") for message in messages for call in objects(message.get("tool_calls"))]
    calls += [message.get("function_call") for message in messages]
    return [name for name in dict.fromkeys(a_text(an_object(call).get("name")) for call in calls) if name]
