"""Speech: https://docs.fish.audio/api-reference/endpoint/openapi-v1/text-to-speech.

The text is billed by its bytes in UTF-8 (https://docs.fish.audio/docs/models-pricing/pricing-and-rate-limits),
which no answer tells and which are counted here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import answer_error
from tenant_llm.dialects.fields import object_of
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.tokens import text_tokens
from tenant_llm.domain.tts import SpeechDelta, SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Bearer, WireRequest, WireResponse

PATH = "tts"
KEY, VOICE = "fish_audio_ak", "fish_audio_refid"
_MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm", "opus": "audio/ogg"}
_OPENAI_ONLY = ("instructions", "stream_format")


def render(request: SpeechRequest, target: Target) -> WireRequest:
    """The text and how to say it; the model goes by a header of its own.

    A voice is the id of a reference: the caller's, else the one beside the key, else the model's own voice.

    Raises:
        InvalidRequest: When the format is none the provider makes, or events are asked for instead of audio.
    """
    if request.params.get("stream_format") == "sse":
        raise InvalidRequest("stream_format: audio comes as bytes, not as events", param="stream_format")
    format_ = request.format_among(_MEDIA_TYPES)
    prosody = object_of(request.params, "prosody")
    if request.speed is not None:
        prosody = {**prosody, "speed": request.speed}
    body = {
        **{name: value for name, value in request.params.items() if name not in _OPENAI_ONLY},
        "text": request.text,
        "reference_id": request.voice or target.credential.fields.get(VOICE, "").strip() or None,
        "format": format_,
        "prosody": prosody or None,
    }
    wire = post_json(target, PATH, body, key=Bearer(KEY))
    model = wire_model(target.config.wire_name, target.config.quirks)
    return replace(wire, headers={"model": model, **wire.headers})


def parse(response: WireResponse, request: SpeechRequest, target: Target) -> SpeechResult:  # noqa: ARG001
    """The audio.

    Raises:
        ProviderError: When the answer is JSON, which is an error whatever its status.
        MalformedAnswer: When there is no audio in it.
    """
    if response.content_type.endswith("json"):
        raise answer_error(response)
    if not response.content:
        raise MalformedAnswer("the provider's answer holds no audio")
    return SpeechResult(response.content, _MEDIA_TYPES[request.format_among(_MEDIA_TYPES)], _usage(request))


def parse_chunks(
    head: WireResponse,
    chunks: Iterable[bytes],
    request: SpeechRequest,
    target: Target,  # noqa: ARG001
) -> Iterator[SpeechDelta]:
    """The audio as it arrives; raises as ``parse`` does."""
    if head.content_type.endswith("json"):
        raise answer_error(replace(head, content=b"".join(chunks)))
    content_type, usage = _MEDIA_TYPES[request.format_among(_MEDIA_TYPES)], _usage(request)
    arrived = False
    for chunk in chunks:
        arrived = True
        yield SpeechDelta(chunk, content_type, usage)
    if not arrived:
        raise MalformedAnswer("the provider's answer holds no audio")


def _usage(request: SpeechRequest) -> Usage:
    return Usage(text_tokens(request.text), native={"bytes": len(request.text.encode())}, estimated=True)
