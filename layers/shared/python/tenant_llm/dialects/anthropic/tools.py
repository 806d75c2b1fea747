"""Tools and the choice among them: https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools."""

from collections.abc import Mapping, Sequence

from tenant_llm.dialects.anthropic.schema import closed
from tenant_llm.dialects.fields import object_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject

_CHOICES = {"auto": "auto", "none": "none", "required": "any", "any": "any"}


def tools(offered: Sequence[JsonObject]) -> list[JsonObject]:
    """Functions with their schema; tools that the provider runs itself (another ``type``) as the caller wrote them."""
    return [
        _tool(tool, f"tools[{index}]") if tool.get("type") == "function" else tool for index, tool in enumerate(offered)
    ]


def tool_choice(request: ChatRequest) -> JsonObject | None:
    """Which tool to call; nothing where none is offered, since the API refuses a choice among nothing."""
    if not request.tools:
        return None
    choice = _choice(request.tool_choice)
    if request.params.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def is_forced(choice: Mapping[str, Json] | None) -> bool:
    """Whether the model has to call a tool."""
    return choice is not None and choice["type"] in {"any", "tool"}


def _tool(tool: JsonObject, where: str) -> JsonObject:
    function = object_of(tool, "function", where)
    schema = {"type": "object", "properties": {}, **object_of(function, "parameters", f"{where}.function")}
    result: JsonObject = {"name": function.get("name"), "input_schema": schema}
    if function.get("description"):
        result["description"] = function["description"]
    if function.get("strict"):
        result |= {"strict": True, "input_schema": closed(schema)}
    if mark := tool.get("cache_control") or function.get("cache_control"):
        result["cache_control"] = mark
    return result


def _choice(choice: Json) -> JsonObject | None:
    """OpenAI's choice, or one already in this wire's words.

    Raises:
        InvalidRequest: When it is neither.
    """
    if isinstance(choice, str):
        return {"type": _CHOICES.get(choice, choice)}
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        return {"type": "tool", "name": (object_of(choice, "function", "tool_choice") or choice).get("name")}
    if choice is None or (isinstance(choice, Mapping) and isinstance(choice.get("type"), str)):
        return dict(choice) if choice else None
    raise InvalidRequest(f"tool_choice is neither a word nor an object with a type: {choice!r}", param="tool_choice")
