"""Speech: https://platform.openai.com/docs/api-reference/audio/createSpeech."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.errors import answer_error
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.tts import SpeechDelta, SpeechRequest, SpeechResult, in_one_piece
from tenant_llm.domain.wire import WireRequest, WireResponse

PATH = "audio/speech"
DEFAULT_VOICE = "alloy"
_UNTOLD = ("", "application/octet-stream", "binary/octet-stream")
_MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def render(request: SpeechRequest, target: Target) -> WireRequest:
    """The text and how to say it. This wire wants a voice: the caller's, the provider's default, or OpenAI's first.

    Raises:
        InvalidRequest: When the caller asks for events instead of audio.
    """
    if request.params.get("stream_format") == "sse":
        raise InvalidRequest("stream_format: audio comes as bytes, not as events", param="stream_format")
    quirks = target.config.quirks
    body = {
        **request.params,
        "model": wire_model(target.config.wire_name, quirks),
        "input": request.text,
        "voice": request.voice or quirks.defaults.get("voice", DEFAULT_VOICE),
        "response_format": request.format,
        "speed": request.speed,
    }
    return post_json(target, PATH, body)


def parse(response: WireResponse, request: SpeechRequest, target: Target) -> SpeechResult:  # noqa: ARG001
    """The audio. Its type is the answer's, or follows from the format asked for where the answer says nothing.

    Raises:
        ProviderError: When the answer is JSON without audio, which is an error whatever its status.
        MalformedAnswer: When there is no audio in it.
    """
    audio = _audio_in_json(response) if _is_json(response) else response.content
    if not audio:
        raise MalformedAnswer("the provider's answer holds no audio")
    return SpeechResult(audio, _content_type(response, request))


def parse_chunks(
    head: WireResponse, chunks: Iterable[bytes], request: SpeechRequest, target: Target
) -> Iterator[SpeechDelta]:
    """The audio as it arrives. Audio in JSON, and what is none, is read whole.

    Raises:
        ProviderError: As ``parse`` does.
        MalformedAnswer: As ``parse`` does.
    """
    if _is_json(head):
        yield from in_one_piece(parse(replace(head, content=b"".join(chunks)), request, target))
        return
    content_type = _content_type(head, request)
    arrived = False
    for chunk in chunks:
        arrived = True
        yield SpeechDelta(chunk, content_type)
    if not arrived:
        raise MalformedAnswer("the provider's answer holds no audio")


def _is_json(response: WireResponse) -> bool:
    return response.content_type.endswith("json")


def _content_type(response: WireResponse, request: SpeechRequest) -> str:
    told = "" if _is_json(response) else response.content_type
    return _MEDIA_TYPES.get(request.format or "mp3", _UNTOLD[1]) if told in _UNTOLD else told


def _audio_in_json(response: WireResponse) -> bytes:
    """Audio as base64 in ``audio_data``: https://docs.mistral.ai/studio/audio/text-to-speech/quickstarts/generate-speech."""
    body = response.json()
    if not isinstance(body, dict) or not isinstance(body.get("audio_data"), str):
        raise answer_error(response)
    try:
        return decode_base64(body["audio_data"], "audio_data")
    except InvalidRequest as error:
        raise MalformedAnswer(f"the provider's audio is not base64: {body['audio_data'][:40]!r}") from error
