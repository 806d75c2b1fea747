"""Describing an image, with or without a prompt: this service's own shape."""

from dataclasses import dataclass

from tenant_llm.dialects.content import data_url, decode_base64, decode_data_url
from tenant_llm.domain.chat import ChatResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.image2text import DescriptionRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import shortened
from tenant_llm.surface.invocation import InvocationBody, Name, body_of, params
from tenant_llm.surface.openai_chat import render_usage

# How the formats begin that models with eyes take.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_WEBP = (b"RIFF", b"WEBP")


class Image2TextBody(InvocationBody):
    """``image`` is an ``https:`` or ``data:`` URL, or bare base64; in a form also a file, ``image`` or ``file``."""

    image: Name
    prompt: Name | None = None
    lang: Name | None = None


@dataclass(frozen=True, slots=True)
class Image2TextCall:
    """A description asked for."""

    model: str | None
    request: DescriptionRequest


def ask(call: Call) -> Image2TextCall:
    """The description that a call asks for.

    Raises:
        InvalidRequest: When the image is no URL of those kinds and no base64 of an image.
        ValidationError: When another field cannot be right.
    """
    body = body_of(call, ModelType.IMAGE2TEXT)
    if call.form is not None:
        body = dict(call.form.fields)
        if (file := call.form.files.get("image") or call.form.files.get("file")) is not None:
            body["image"] = _of_bytes(file.content)
    checked = Image2TextBody.model_validate(body)
    request = DescriptionRequest(
        image=_url(checked.image),
        prompt=checked.prompt,
        lang=checked.lang or "Chinese",
        params=params(body, *Image2TextBody.model_fields),
    )
    return Image2TextCall(checked.model, request)


def render(result: ChatResult) -> JsonObject:
    """``{"text", "model", "usage"}``; the usage is a chat's."""
    usage = None if result.usage is None else render_usage(result.usage)
    return {"text": result.text, "model": result.model, "usage": usage}


def _url(image: str) -> str:
    scheme = image[:6].lower()
    if scheme.startswith("data:"):
        decode_data_url(image, "image")  # so that a broken one is refused here, with its field's name
        return image
    if scheme == "https:":
        return image
    if "://" in image[:16]:
        raise InvalidRequest(f"image is {shortened(image)}: not an https: or data: URL", param="image")
    return _of_bytes(decode_base64(image, "image"))


def _of_bytes(data: bytes) -> str:
    for start, media_type in _SIGNATURES:
        if data.startswith(start):
            return data_url(data, media_type)
    if (data[:4], data[8:12]) == _WEBP:
        return data_url(data, "image/webp")
    raise InvalidRequest(f"image begins with {data[:12]!r}: not a PNG, JPEG, GIF, WebP or BMP file", param="image")
