"""OpenAI's content parts as content blocks; bytes go as base64, the way AWS's JSON writes them."""

import re
from base64 import b64encode

from tenant_llm.dialects.content import AudioPart, FilePart, ImagePart, Part, TextPart, parts
from tenant_llm.domain.errors import UnsupportedModelType
from tenant_llm.domain.wire import Json, JsonObject

CACHE_POINT: JsonObject = {"cachePoint": {"type": "default"}}
"""https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"""

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_OFFICE = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9\s()\[\]-]+|\s{2,}")
_LONGEST_NAME = 200


def blocks(content: Json, where: str) -> list[JsonObject]:
    """A message's content as blocks; texts of white space alone are left out, which the API refuses.

    Raises:
        InvalidRequest: When a part is unknown or lacks its value; ``param`` is the path down to it.
        UnsupportedModelType: When it is of a kind that this wire does not carry.
    """
    result: list[JsonObject] = []
    for index, part in enumerate(parts(content, where)):
        if isinstance(part, TextPart) and not part.text.strip():
            continue
        result.append(_block(part, f"{where}[{index}]"))
        if part.raw.get("cache_control"):
            result.append(CACHE_POINT)
    return result


def _block(part: Part, where: str) -> JsonObject:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return _image(part, where)
        case AudioPart():
            return {"audio": {"format": part.format, "source": _bytes(part.data)}}
        case FilePart():
            return _document(part, where)


def _image(part: ImagePart, where: str) -> JsonObject:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html."""
    if part.data is None:
        raise UnsupportedModelType(
            f"{where}: this provider fetches no images: send the bytes as a data URL, not {str(part.url)[:80]!r}",
            param=where,
        )
    if part.media_type not in _IMAGES:
        raise UnsupportedModelType(f"{where}: this provider sees no {part.media_type!r}", param=where)
    return {"image": {"format": _IMAGES[part.media_type], "source": _bytes(part.data)}}


def _document(part: FilePart, where: str) -> JsonObject:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html."""
    if part.data is None:
        raise UnsupportedModelType(f"{where}: this provider keeps no files: send file_data", param=where)
    if part.media_type in _IMAGES:
        return _image(ImagePart(data=part.data, media_type=part.media_type), where)
    if part.media_type not in _DOCUMENTS:
        raise UnsupportedModelType(f"{where}: this provider reads no {part.media_type!r}", param=where)
    name = _NOT_IN_A_NAME.sub(" ", part.name or "").strip()[:_LONGEST_NAME] or "document"
    return {"document": {"format": _DOCUMENTS[part.media_type], "name": name, "source": _bytes(part.data)}}


def _bytes(data: bytes) -> JsonObject:
    return {"bytes": b64encode(data).decode("ascii")}
