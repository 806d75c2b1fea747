"""OpenAI's messages as contents of parts.

https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence

from tenant_llm.dialects.answers import a_text, an_object
from tenant_llm.dialects.calls import arguments_of, names_of
from tenant_llm.dialects.content import AudioPart, FilePart, ImagePart, Part, TextPart, message_parts
from tenant_llm.dialects.fields import object_of, objects_of
from tenant_llm.domain.wire import Json, JsonObject

_SYSTEM = ("system", "developer")
_RESULTS = ("tool", "function")
_UNSIGNED = "skip_thought_signature_validator"
_AUDIO = {"wav": "audio/wav", "mp3": "audio/mp3"}
_ENDINGS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "mp4": "video/mp4",
}  # fmt: skip


def contents(messages: Sequence[JsonObject], *, signed: bool) -> list[JsonObject]:
    """The turns of a conversation; results of calls that were made together are one turn, as the calls were.

    Args:
        messages: OpenAI's; system text goes elsewhere.
        signed: whether the model refuses a call without the signature of the thought behind it. One that got lost is
            then replaced by the mark that the provider has for this,
            https://ai.google.dev/gemini-api/docs/thought-signatures.

    Raises:
        InvalidRequest: When a message cannot be said on this wire; ``param`` is the path down to the fault.
    """
    names = names_of(messages)
    result: list[JsonObject] = []
    last = ""
    for index, message in enumerate(messages):
        role = a_text(message.get("role"))
        if role in _SYSTEM:
            continue
        if role == "assistant":
            said = [*_texts(messages, index), *_calls(message, f"messages[{index}]", signed=signed)]
        elif role in _RESULTS:
            said = _answered(messages, index, names)
        else:
            said = _parts(messages, index)
        if said and role in _RESULTS and last in _RESULTS:
            result[-1]["parts"] += said
        elif said:
            result.append({"role": "model" if role == "assistant" else "user", "parts": said})
        last = role if said else last
    return result


def signature_of(extra: Mapping[str, Json]) -> str:
    """The signature of a thought, where OpenAI's clients of this provider keep it too.

    https://ai.google.dev/gemini-api/docs/thought-signatures (OpenAI compatibility)
    """
    return a_text(an_object(an_object(extra.get("extra_content")).get("google")).get("thought_signature"))


def signed_extra(signature: str) -> JsonObject:
    """The place of a signature in a message or a call, which goes to the caller and comes back."""
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def _parts(messages: Sequence[JsonObject], index: int) -> list[JsonObject]:
    return [_part(part) for part in message_parts(messages, index) if not isinstance(part, TextPart) or part.text]


def _texts(messages: Sequence[JsonObject], index: int) -> list[JsonObject]:
    """An earlier answer's parts, the signature of its thought on the last."""
    said = _parts(messages, index)
    if said and (signature := signature_of(messages[index])):
        said[-1]["thoughtSignature"] = signature
    return said


def _calls(message: JsonObject, where: str, *, signed: bool) -> list[JsonObject]:
    """Calls that were made together; the thought behind them signs the first alone."""
    result: list[JsonObject] = []
    for place, call in enumerate(objects_of(message, "tool_calls", where)):
        path = f"{where}.tool_calls[{place}]"
        function = object_of(call, "function", path)
        called = {"name": function.get("name"), "args": arguments_of(function, f"{path}.function")}
        part: JsonObject = {"functionCall": {**called, **({"id": call["id"]} if call.get("id") else {})}}
        if signature := signature_of(call) or (_UNSIGNED if signed and not result else ""):
            part["thoughtSignature"] = signature
        result.append(part)
    return result


def _answered(messages: Sequence[JsonObject], index: int, names: Mapping[str, str]) -> list[JsonObject]:
    """The result of a call, by the name of its function; what is no text stands behind it."""
    message = messages[index]
    found = message_parts(messages, index)
    id_ = message.get("tool_call_id")
    response: JsonObject = {
        "name": names.get(str(id_)) or message.get("name") or id_,
        "response": {"output": "".join(part.text for part in found if isinstance(part, TextPart))},
    }
    if id_:
        response["id"] = id_
    return [{"functionResponse": response}, *(_part(part) for part in found if not isinstance(part, TextPart))]


def _part(part: Part) -> JsonObject:
    match part:
        case TextPart():
            return {"text": part.text}
        case AudioPart():
            return _inline(part.data, _AUDIO.get(part.format, f"audio/{part.format}"))
        case ImagePart(data=bytes(data)) | FilePart(data=bytes(data)):
            return _inline(data, part.media_type)
        case ImagePart():
            return _by_uri(part.url or "", part.media_type)
        case FilePart():
            return _by_uri(a_text(part.file_id), part.media_type)


def _inline(data: bytes, media_type: str) -> JsonObject:
    return {"inlineData": {"mimeType": media_type, "data": b64encode(data).decode("ascii")}}


def _by_uri(uri: str, media_type: str) -> JsonObject:
    """What the provider fetches itself: https://ai.google.dev/gemini-api/docs/file-input-methods.

    The type follows from the ending, which one of the clouds demands; without one it is the provider's to find out.
    """
    ending = uri.partition("?")[0].rpartition(".")[2].lower()
    known = media_type or _ENDINGS.get(ending, "")
    return {"fileData": {**({"mimeType": known} if known else {}), "fileUri": uri}}
