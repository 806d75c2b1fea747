"""Tools and the choice among them: https://ai.google.dev/gemini-api/docs/function-calling."""

from tenant_llm.dialects.fields import object_of
from tenant_llm.dialects.gemini.schema import cleaned
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY", "validated": "VALIDATED"}


def tools(request: ChatRequest) -> list[JsonObject] | None:
    """Functions in one tool; what the provider runs itself, ``{"type": "googleSearch"}``, is a tool of its own.

    Raises:
        InvalidRequest: When a function or its parameters are no object.
    """
    functions = [
        _declaration(tool, f"tools[{index}]")
        for index, tool in enumerate(request.tools)
        if tool.get("type") == "function"
    ]
    own = [_own(tool) for tool in request.tools if tool.get("type") != "function"]
    return [*own, *([{"functionDeclarations": functions}] if functions else [])] or None


def tool_config(request: ChatRequest) -> JsonObject | None:
    """Which function to call; the caller's own ``toolConfig`` is the base of it.

    Raises:
        InvalidRequest: When the choice is neither a word nor an object that names a function.
    """
    config = dict(object_of(request.params, "toolConfig"))
    if request.tools and request.tool_choice is not None:
        config["functionCallingConfig"] = _choice(request.tool_choice)
    return config or None


def _declaration(tool: JsonObject, where: str) -> JsonObject:
    function = object_of(tool, "function", where)
    parameters = object_of(function, "parameters", f"{where}.function")
    result: JsonObject = {"name": function.get("name")}
    if function.get("description"):
        result["description"] = function["description"]
    if parameters:
        result["parametersJsonSchema"] = cleaned({"type": "object", **parameters})
    return result


def _own(tool: JsonObject) -> JsonObject:
    settings = {name: value for name, value in tool.items() if name != "type"}
    return settings or {str(tool.get("type")): {}}


def _choice(choice: Json) -> JsonObject:
    if isinstance(choice, str) and choice in _MODES:
        return {"mode": _MODES[choice]}
    if isinstance(choice, dict):
        named = object_of(choice, "function", "tool_choice").get("name") or choice.get("name")
        if named:
            return {"mode": "ANY", "allowedFunctionNames": [named]}
    raise InvalidRequest(f"tool_choice is {choice!r}: neither a mode nor a function's name", param="tool_choice")
