"""OpenAI's messages as system text and alternating turns.

https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

from collections.abc import Sequence
from json import JSONDecodeError, loads
from re import compile as pattern

from tenant_llm.dialects.anthropic.blocks import blocks, text_block
from tenant_llm.dialects.content import TextPart, message_parts, system_text
from tenant_llm.dialects.fields import object_of, objects_of
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject

_SYSTEM = ("system", "developer")
_KEPT = ("thinking_blocks", "content_blocks")
_MARKS = ("is_error", "cache_control")
_NOT_IN_AN_ID = pattern(r"[^A-Za-z0-9_-]")


def system(messages: Sequence[JsonObject]) -> str | list[JsonObject] | None:
    """All system and developer messages, wherever they stand; as blocks only where one carries a cache mark.

    Raises:
        InvalidRequest: When one holds anything but text.
    """
    text = system_text(messages)
    marked = [
        text_block(part)
        for index, message in enumerate(messages)
        if message.get("role") in _SYSTEM
        for part in message_parts(messages, index)
        if isinstance(part, TextPart) and part.text
    ]
    return marked if any("cache_control" in block for block in marked) else text or None


def turns(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """The other messages as turns; neighbours of one side become one turn, which is what the API does with them too.

    Raises:
        InvalidRequest: When a message cannot be said on this wire; ``param`` is the path down to the fault.
        UnsupportedModelType: When a part is of a kind that this wire cannot carry.
    """
    result: list[JsonObject] = []
    for index, message in enumerate(messages):
        if message.get("role") in _SYSTEM:
            continue
        side = "assistant" if message.get("role") == "assistant" else "user"
        said = _said(message, f"messages[{index}]")
        if said and result and result[-1]["role"] == side:
            result[-1]["content"] += said
        elif said:
            result.append({"role": side, "content": said})
    return result


def _said(message: JsonObject, where: str) -> list[JsonObject]:
    match message.get("role"):
        case "assistant":
            kept = [block for name in _KEPT for block in objects_of(message, name, where)]
            return [*kept, *blocks(message.get("content"), f"{where}.content"), *_tool_uses(message, where)]
        case "tool" | "function":
            return [_tool_result(message, where)]
    return blocks(message.get("content"), f"{where}.content")


def _tool_result(message: JsonObject, where: str) -> JsonObject:
    """The result of a call; of OpenAI's older functions, whose calls have no id, the name stands for it."""
    result: JsonObject = {
        "type": "tool_result",
        "tool_use_id": _id(message.get("tool_call_id") or message.get("name")),
    }
    if said := blocks(message.get("content"), f"{where}.content"):
        result["content"] = said
    return result | {name: message[name] for name in _MARKS if message.get(name) is not None}


def _tool_uses(message: JsonObject, where: str) -> list[JsonObject]:
    if old := object_of(message, "function_call", where):
        return [_tool_use(old, old.get("name"), f"{where}.function_call")]
    result: list[JsonObject] = []
    for index, call in enumerate(objects_of(message, "tool_calls", where)):
        place = f"{where}.tool_calls[{index}]"
        result.append(_tool_use(object_of(call, "function", place), call.get("id"), f"{place}.function"))
    return result


def _tool_use(function: JsonObject, id_: Json, where: str) -> JsonObject:
    arguments = function.get("arguments") or "{}"
    where = f"{where}.arguments"
    try:
        decoded = loads(arguments) if isinstance(arguments, str) else arguments
    except JSONDecodeError as error:
        raise InvalidRequest(f"{where} is not JSON: {arguments[:80]!r}", param=where) from error
    if not isinstance(decoded, dict):
        raise InvalidRequest(f"{where} has to be a JSON object, not {arguments!r}", param=where)
    return {"type": "tool_use", "id": _id(id_), "name": function.get("name"), "input": decoded}


def _id(text: Json) -> str:
    """A call's id in the letters this API takes, the same for the call and its result, whoever made it."""
    return _NOT_IN_AN_ID.sub("_", str(text))
