"""OpenAI's messages and tools as this wire wants them: https://docs.ollama.com/api/chat."""

from base64 import b64encode
from collections.abc import Mapping, Sequence

from tenant_llm.dialects.calls import arguments_of, names_of
from tenant_llm.dialects.content import FilePart, ImagePart, Part, TextPart, message_parts
from tenant_llm.dialects.fields import object_of, objects_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.wire import Json, JsonObject

_FREE = ("auto", "none")


def messages(given: Sequence[JsonObject]) -> list[JsonObject]:
    """The conversation: a text a message, its images beside it.

    Raises:
        InvalidRequest: When a message cannot be right, or an image is given by its URL; ``param`` is the path to it.
        UnsupportedModelType: When a part is neither text nor image.
    """
    names = names_of(given)
    return [_message(given, index, names) for index in range(len(given))]


def tools(request: ChatRequest) -> list[JsonObject] | None:
    """The tools as they are, but for the choice of none, which leaves them all out.

    Raises:
        UnsupportedModelType: When a tool has to be called: this wire leaves it to the model.
    """
    choice = request.tool_choice
    if choice is not None and choice not in _FREE:
        raise UnsupportedModelType(
            f"tool_choice is {choice!r}: this provider lets the model choose", param="tool_choice"
        )
    return None if choice == "none" else list(request.tools) or None


def format_of(wanted: JsonObject | None) -> Json:
    """https://docs.ollama.com/capabilities/structured-outputs: the schema itself, or the word for any JSON."""
    match (wanted or {}).get("type"):
        case "json_schema":
            return object_of(wanted or {}, "json_schema", "response_format").get("schema") or "json"
        case "json_object":
            return "json"
    return None


def _message(given: Sequence[JsonObject], index: int, names: Mapping[str, str]) -> JsonObject:
    message, where = given[index], f"messages[{index}]"
    found = message_parts(given, index)
    images = [
        _image(part, f"{where}.content[{place}]") for place, part in enumerate(found) if not isinstance(part, TextPart)
    ]
    result: JsonObject = {
        "role": "system" if message.get("role") == "developer" else message.get("role"),
        "content": "".join(part.text for part in found if isinstance(part, TextPart)),
    }
    if images:
        result["images"] = images
    match message.get("role"):
        case "assistant":
            return result | _said(message, where)
        case "tool" | "function":
            return result | _answered(message, names)
    return result


def _said(message: JsonObject, where: str) -> JsonObject:
    """What an earlier answer held beside its text; thoughts go back with the calls they led to."""
    calls = [
        _call(call, f"{where}.tool_calls[{place}].function")
        for place, call in enumerate(objects_of(message, "tool_calls", where))
    ]
    thought = message.get("reasoning_content")
    return ({"thinking": thought} if thought else {}) | ({"tool_calls": calls} if calls else {})


def _call(call: JsonObject, where: str) -> JsonObject:
    function = object_of(call, "function", where.rpartition(".")[0])
    called = {"name": function.get("name"), "arguments": arguments_of(function, where)}
    return {"id": call.get("id"), "function": called}


def _answered(message: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """Whose result it is: by the function's name, and by the call's id for servers that know those."""
    id_ = message.get("tool_call_id")
    said = {"role": "tool", "tool_name": message.get("name") or names.get(str(id_)), "tool_call_id": id_}
    return {name: value for name, value in said.items() if value is not None}


def _image(part: Part, where: str) -> str:
    match part:
        case ImagePart(data=None):
            raise InvalidRequest(
                f"{where} is an image by its URL: this provider takes images as data: URLs only", param=where
            )
        case ImagePart(data=bytes(data)):
            return b64encode(data).decode("ascii")
        case FilePart(data=bytes(data), media_type=media_type) if media_type.startswith("image/"):
            return b64encode(data).decode("ascii")
    raise UnsupportedModelType(f"{where}: this model takes texts and images only", param=where)
