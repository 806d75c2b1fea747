"""OpenAI's messages as Converse's: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html."""

from collections.abc import Sequence
from json import loads
from re import compile as pattern

from tenant_llm.dialects.bedrock.blocks import CACHE_POINT, blocks
from tenant_llm.dialects.content import TextPart, message_parts, system_text
from tenant_llm.dialects.fields import object_of, objects_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject

_SYSTEM = ("system", "developer")
_NOT_IN_AN_ID = pattern(r"[^A-Za-z0-9_.:-]")
_LONGEST_ID = 64
_JSON_ONLY = "The answer has to be a single JSON object, without prose or code fences around it."


def system(request: ChatRequest) -> list[JsonObject]:
    """All system and developer messages, wherever they stand, with cache points behind the texts that are marked.

    The wire knows no JSON without a schema, so ``json_object`` is an instruction here.

    Raises:
        InvalidRequest: When one holds anything but text.
    """
    system_text(request.messages)
    result: list[JsonObject] = []
    for index, message in enumerate(request.messages):
        if message.get("role") in _SYSTEM:
            for part in message_parts(request.messages, index):
                if isinstance(part, TextPart) and part.text.strip():
                    result.append({"text": part.text})
                    result += [CACHE_POINT] if part.raw.get("cache_control") else []
    if (request.response_format or {}).get("type") == "json_object":
        result.append({"text": _JSON_ONLY})
    return result


def turns(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """The other messages as turns; neighbours of one side become one, since the sides have to alternate.

    Raises:
        InvalidRequest: When a message cannot be said on this wire; ``param`` is the path down to the fault.
        UnsupportedModelType: When a part is of a kind that this wire does not carry.
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
            return [
                *map(_thought, objects_of(message, "thinking_blocks", where)),
                *objects_of(message, "content_blocks", where),
                *blocks(message.get("content"), f"{where}.content"),
                *_tool_uses(message, where),
            ]
        case "tool" | "function":
            return [_tool_result(message, where)]
    return blocks(message.get("content"), f"{where}.content")


def _thought(block: JsonObject) -> JsonObject:
    """A thought of an earlier answer, as it came."""
    if block.get("type") == "redacted_thinking":
        return {"reasoningContent": {"redactedContent": block.get("data")}}
    told = {"text": block.get("thinking") or "", "signature": block.get("signature")}
    return {"reasoningContent": {"reasoningText": {name: value for name, value in told.items() if value is not None}}}


def _tool_result(message: JsonObject, where: str) -> JsonObject:
    """The result of a call; of OpenAI's older functions, whose calls have no id, the name stands for it."""
    result: JsonObject = {
        "toolUseId": _id(message.get("tool_call_id") or message.get("name")),
        "content": blocks(message.get("content"), f"{where}.content"),
    }
    return {"toolResult": result | ({"status": "error"} if message.get("is_error") else {})}


def _tool_uses(message: JsonObject, where: str) -> list[JsonObject]:
    if isinstance(old := message.get("function_call"), dict):
        return [_tool_use(old, old.get("name"), f"{where}.function_call")]
    return [
        _tool_use(
            object_of(call, "function", f"{where}.tool_calls[{index}]"),
            call.get("id"),
            f"{where}.tool_calls[{index}].function",
        )
        for index, call in enumerate(objects_of(message, "tool_calls", where))
    ]


def _tool_use(function: JsonObject, id_: Json, where: str) -> JsonObject:
    arguments, where = function.get("arguments") or "{}", f"{where}.arguments"
    try:
        decoded = loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{where} is not JSON: {str(arguments)[:80]!r}", param=where) from error
    if not isinstance(decoded, dict):
        raise InvalidRequest(f"{where} has to be a JSON object, not {str(arguments)[:80]!r}", param=where)
    return {"toolUse": {"toolUseId": _id(id_), "name": function.get("name"), "input": decoded}}


def _id(text: Json) -> str:
    """A call's id in the letters this API takes, the same for the call and its result, whoever made it."""
    return _NOT_IN_AN_ID.sub("_", str(text))[-_LONGEST_ID:]
