"""OpenAI's content parts as content blocks: https://platform.claude.com/docs/en/build-with-claude/working-with-messages."""

from base64 import b64encode
from collections.abc import Mapping

from tenant_llm.dialects.content import FilePart, ImagePart, Part, TextPart, parts
from tenant_llm.domain.errors import UnsupportedModelType
from tenant_llm.domain.wire import Json, JsonObject

_TRANSLATED = frozenset({"text", "input_text", "refusal", "image_url", "input_audio", "file"})
_STAND_IN: JsonObject = {"type": "text", "text": ""}
_PDF = "application/pdf"
_MARKS = ("cache_control", "citations")


def blocks(content: Json, where: str) -> list[JsonObject]:
    """A message's content as blocks. Parts that already are blocks of this wire go as they are; empty texts do not.

    Raises:
        InvalidRequest: When a part lacks its value; ``param`` is the path down to it.
        UnsupportedModelType: When it is of a kind that this wire cannot carry, as audio.
    """
    items = content if isinstance(content, list) else [content]
    native = [_is_native(item) for item in items]
    if isinstance(content, list):
        content = [_STAND_IN if ready else item for item, ready in zip(items, native, strict=True)]
    result: list[JsonObject] = []
    for index, part in enumerate(parts(content, where)):
        if native[index]:
            result.append(items[index])
        elif not isinstance(part, TextPart) or part.text:
            result.append(_block(part, f"{where}[{index}]"))
    return result


def text_block(part: TextPart) -> JsonObject:
    """A text with the marks that the caller set on it."""
    return {"type": "text", "text": part.text, **_marks(part.raw)}


def _is_native(item: Json) -> bool:
    kind = item.get("type") if isinstance(item, dict) else None
    return isinstance(kind, str) and kind not in _TRANSLATED


def _block(part: Part, where: str) -> JsonObject:
    match part:
        case TextPart():
            return text_block(part)
        case ImagePart(media_type=media_type) if media_type == _PDF:
            return {"type": "document", "source": _base64(part.data or b"", _PDF), **_marks(part.raw)}
        case ImagePart():
            return {"type": "image", "source": _image_source(part), **_marks(part.raw)}
        case FilePart():
            return _document(part, where)
    raise UnsupportedModelType(f"{where}: this model hears no audio", param=where)


def _image_source(part: ImagePart) -> JsonObject:
    if part.data is None:
        return {"type": "url", "url": part.url}
    # The registered name of what many clients write as image/jpg, which the API refuses.
    return _base64(part.data, "image/jpeg" if part.media_type == "image/jpg" else part.media_type)


def _document(part: FilePart, where: str) -> JsonObject:
    """https://platform.claude.com/docs/en/build-with-claude/pdf-support."""
    source: JsonObject
    if part.data is None:
        source = {"type": "file", "file_id": part.file_id}
    elif part.media_type == _PDF:
        source = _base64(part.data, _PDF)
    elif part.media_type.startswith("image/"):
        return {"type": "image", "source": _base64(part.data, part.media_type), **_marks(part.raw)}
    elif part.media_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": part.data.decode(errors="replace")}
    else:
        raise UnsupportedModelType(f"{where}: this model reads no {part.media_type!r}", param=where)
    title = {"title": part.name} if part.name else {}
    return {"type": "document", "source": source, **title, **_marks(part.raw)}


def _base64(data: bytes, media_type: str) -> JsonObject:
    return {"type": "base64", "media_type": media_type, "data": b64encode(data).decode("ascii")}


def _marks(raw: Mapping[str, Json]) -> JsonObject:
    return {name: raw[name] for name in _MARKS if raw.get(name) is not None}
