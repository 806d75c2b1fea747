"""Speech: https://platform.openai.com/docs/api-reference/audio/createSpeech."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.errors import answer_error
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
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
    audio, content_type = response.content, response.content_type
    if content_type.endswith("json"):
        audio, content_type = _audio_in_json(response), ""
    if not audio:
        raise MalformedAnswer("the provider's answer holds no audio")
    if content_type in _UNTOLD:
        content_type = _MEDIA_TYPES.get(request.format or "mp3", "application/octet-stream")
    return SpeechResult(audio, content_type)


def _audio_in_json(response: WireResponse) -> bytes:
    """Audio as base64 in ``audio_data``: https://docs.mistral.ai/studio/audio/text-to-speech/quickstarts/generate-speech."""
    body = response.json()
    if not isinstance(body, dict) or not isinstance(body.get("audio_data"), str):
        raise answer_error(response)
    try:
        return decode_base64(body["audio_data"], "audio_data")
    except InvalidRequest as error:
        raise MalformedAnswer(f"the provider's audio is not base64: {body['audio_data'][:40]!r}") from error
