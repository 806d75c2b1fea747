"""OpenAI's message content, typed, for dialects whose wire says it otherwise.

Shapes: https://platform.openai.com/docs/api-reference/chat/create (messages).
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text; ``raw`` is the part as the caller wrote it, with whatever fields more (``cache_control`` …)."""

    text: str
    raw: JsonObject = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image: either ``url`` or ``data`` with its ``media_type``."""

    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    media_type: str = ""
    detail: str | None = None
    raw: JsonObject = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Audio, with OpenAI's word for its format (``wav``, ``mp3``)."""

    data: bytes = field(repr=False)
    format: str
    raw: JsonObject = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A document: ``data`` with its ``media_type``, or the ``file_id`` it was uploaded under."""

    data: bytes | None = field(default=None, repr=False)
    media_type: str = ""
    name: str | None = None
    file_id: str | None = None
    raw: JsonObject = field(default_factory=dict, compare=False, repr=False)


type Part = TextPart | ImagePart | AudioPart | FilePart


def parts(content: Json, where: str = "content") -> list[Part]:
    """A message's content as typed parts.

    Args:
        content: a string, a list of parts, or ``None``, which has no parts; an empty string has none either.
        where: the field's path in the caller's body, for example ``messages[2].content``.

    Raises:
        InvalidRequest: When a part is of an unknown type or lacks its value; ``param`` is the path down to it.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} has to be a string or a list of parts", param=where)
    return [_part(part, f"{where}[{index}]") for index, part in enumerate(content)]


def message_parts(messages: Sequence[JsonObject], index: int) -> list[Part]:
    """The parts of one message's content.

    Raises:
        InvalidRequest: As ``parts`` does.
    """
    return parts(messages[index].get("content"), f"messages[{index}].content")


def refuse_links(messages: Sequence[JsonObject]) -> None:
    """For wires that say images as OpenAI does, but fetch none.

    Raises:
        InvalidRequest: When an image is given by its URL; ``param`` is the path down to it.
    """
    for index, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            image = part.get("image_url") if isinstance(part, dict) else None
            url = image.get("url") if isinstance(image, dict) else image
            if isinstance(url, str) and url[:8].lower().startswith(("http://", "https://")):
                where = f"messages[{index}].content[{place}]"
                raise InvalidRequest(
                    f"{where} is an image by its URL: this provider takes images as data: URLs only", param=where
                )


def text_of(content: Json, where: str = "content") -> str:
    """The text of a content that may hold nothing else, as of a system message or a tool's result.

    Raises:
        InvalidRequest: When there is another kind of part.
    """
    found = parts(content, where)
    for index, part in enumerate(found):
        if not isinstance(part, TextPart):
            raise InvalidRequest(f"{where}[{index}] has to be text", param=f"{where}[{index}]")
    return "".join(part.text for part in found if isinstance(part, TextPart))


def system_text(messages: Sequence[JsonObject]) -> str:
    """The texts of all ``system`` and ``developer`` messages, with a blank line between, for wires that have one place.

    Raises:
        InvalidRequest: When one holds anything but text.
    """
    texts = (
        text_of(message.get("content"), f"messages[{index}].content")
        for index, message in enumerate(messages)
        if message.get("role") in ("system", "developer")
    )
    return "\n\n".join(text for text in texts if text)


def data_url(data: bytes, media_type: str) -> str:
    """Bytes as a ``data:`` URL."""
    return f"data:{media_type};base64,{b64encode(data).decode('ascii')}"


def decode_data_url(url: str, where: str) -> tuple[bytes, str]:
    """The bytes and media type of a ``data:`` URL (https://www.rfc-editor.org/rfc/rfc2397).

    Raises:
        InvalidRequest: When it is none, or its base64 is malformed; ``param`` is ``where``.
    """
    head, comma, body = url.partition(",")
    scheme, _, kind = head.partition(":")
    if scheme.lower() != "data" or not comma:
        raise InvalidRequest(f"{where} is not a data URL: {url[:40]!r}", param=where)
    media_type, *options = kind.split(";")
    if "base64" in (option.strip().lower() for option in options):
        return decode_base64(body, where), media_type or "text/plain"
    return unquote_to_bytes(body), media_type or "text/plain"


def decode_base64(text: Json, where: str) -> bytes:
    """Base64 decoded; white space inside and missing padding are forgiven, foreign characters are not.

    Raises:
        InvalidRequest: When it is not base64; ``param`` is ``where``.
    """
    try:
        packed = "".join(text.split())
        return b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (AttributeError, Base64Error, ValueError) as error:
        raise InvalidRequest(f"{where} is not valid base64: {str(text)[:40]!r}", param=where) from error


def _part(part: Json, where: str) -> Part:
    if isinstance(part, str):
        return TextPart(part)
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "text" | "input_text" | "refusal":
            return TextPart(_text(part, "refusal" if kind == "refusal" else "text", where), raw=part)
        case "image_url":
            return _image(part, where)
        case "input_audio":
            audio = _object(part, kind, where)
            data = decode_base64(audio.get("data"), f"{where}.input_audio.data")
            return AudioPart(data, str(audio.get("format", "wav")), raw=part)
        case "file":
            return _file(part, where)
    raise InvalidRequest(f"{where}.type is unknown: {kind!r}", param=f"{where}.type")


def _image(part: JsonObject, where: str) -> ImagePart:
    image = part.get("image_url")
    if isinstance(image, str):  # a short form that many clients send
        image, where = {"url": image}, f"{where}.image_url"
    else:
        image, where = _object(part, "image_url", where), f"{where}.image_url.url"
    url = image.get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest(f"{where} has to be a URL, not {url!r}", param=where)
    detail = image.get("detail")
    if url[:5].lower() != "data:":
        return ImagePart(url=url, detail=detail, raw=part)
    data, media_type = decode_data_url(url, where)
    return ImagePart(data=data, media_type=media_type, detail=detail, raw=part)


def _file(part: JsonObject, where: str) -> FilePart:
    file = _object(part, "file", where)
    name, file_id, text = file.get("filename"), file.get("file_id"), file.get("file_data")
    if text is None and file_id is None:
        raise InvalidRequest(f"{where}.file needs file_data or file_id", param=f"{where}.file")
    if text is None:
        return FilePart(name=name, file_id=file_id, raw=part)
    where = f"{where}.file.file_data"
    if isinstance(text, str) and text[:5].lower() == "data:":
        data, media_type = decode_data_url(text, where)
    else:
        data, media_type = decode_base64(text, where), "application/pdf"
    return FilePart(data=data, media_type=media_type, name=name, raw=part)


def _object(part: JsonObject, name: str, where: str) -> JsonObject:
    value = part.get(name)
    if not isinstance(value, dict):
        raise InvalidRequest(f"{where}.{name} has to be an object, not {value!r}", param=f"{where}.{name}")
    return value


def _text(part: JsonObject, name: str, where: str) -> str:
    value = part.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{where}.{name} has to be a string, not {value!r}", param=f"{where}.{name}")
    return value
