"""Speech: https://www.alibabacloud.com/help/en/model-studio/qwen-tts-api.

Asked for whole, the provider answers with a link to a file on another host. Asked for events it sends the audio
itself, so events are asked for and put together here: no second host is called.
"""

import re
from collections.abc import Iterator
from json import loads

from tenant_llm.dialects import sse
from tenant_llm.dialects.answers import a_count
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.dashscope.call import output_and_usage, post
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.wav import wav
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer, UnsupportedModelType
from tenant_llm.domain.target import Target
from tenant_llm.domain.tokens import text_tokens
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

PATH = "api/v1/services/aigc/multimodal-generation/generation"
SYNTHESIZER_PATH = "api/v1/services/audio/tts/SpeechSynthesizer"
DEFAULT_VOICE = "Cherry"
_EVENTS = {"x-dashscope-sse": "enable"}
_ELSEWHERE = re.compile(r"^sambert|-realtime")
_SYNTHESIZER = re.compile(r"^(cosyvoice|qwen-audio)")
_RAW, _RATE = "pcm", 24000
_MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm", "opus": "audio/ogg"}


def render(request: SpeechRequest, target: Target) -> WireRequest:
    """The text and how to say it, all of it in ``input``, which quirks are about too.

    Raises:
        InvalidRequest: When the format is none the model makes, or the model needs a voice and there is none.
        UnsupportedModelType: When the model speaks only over a WebSocket.
    """
    config = target.config
    if _ELSEWHERE.search(config.wire_name):
        raise UnsupportedModelType(
            f"the model {config.wire_name!r} speaks over a WebSocket, which this service does not do", param="model"
        )
    format_ = _format(request, config.wire_name)
    said = {**request.params, "text": request.text, "voice": request.voice}
    if not _SYNTHESIZER.search(config.wire_name):
        said["voice"] = request.voice or config.quirks.defaults.get("voice", DEFAULT_VOICE)
        return post(target, PATH, {"input": apply_quirks(said, config.quirks)}, _EVENTS)
    said |= {"format": format_, "rate": request.speed}
    body = apply_quirks(said, config.quirks)
    if not body.get("voice"):
        raise InvalidRequest(f"voice: the model {config.wire_name!r} has no voice of its own", param="voice")
    return post(target, SYNTHESIZER_PATH, {"input": body}, _EVENTS)


def parse(response: WireResponse, request: SpeechRequest, target: Target) -> SpeechResult:
    """The audio of all events, in one piece.

    Raises:
        MalformedAnswer: When there is no audio in it, or an event is not understood.
        ProviderError: When an event is an error object.
    """
    pieces: list[bytes] = []
    used: JsonObject = {}
    for body in _events(response):
        refuse_error_object(body, response.headers)
        output, usage = output_and_usage(body)
        used = usage or used
        pieces.append(_piece(output.get("audio")))
    audio = b"".join(pieces)
    if not audio:
        raise MalformedAnswer(f"the provider's answer holds no audio: {response.content[-200:]!r}")
    format_ = _format(request, target.config.wire_name)
    if format_ == "wav" and not audio.startswith(b"RIFF"):
        audio = wav(audio, _RATE)
    return SpeechResult(audio, _MEDIA_TYPES[format_], _usage(used, request))


def _format(request: SpeechRequest, model: str) -> str:
    """The format asked for, or the model's own. Some models make nothing but samples, with or without a WAV head."""
    makes = tuple(_MEDIA_TYPES) if _SYNTHESIZER.search(model) else ("wav", _RAW)
    format_ = request.format or makes[0]
    if format_ not in makes:
        raise InvalidRequest(
            f"response_format {format_!r}: the model {model!r} makes {', '.join(makes)}", param="response_format"
        )
    return format_


def _events(response: WireResponse) -> Iterator[Json]:
    for event in sse.sse([response.content]):
        try:
            yield loads(event.data)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswer(f"an event of the provider's answer is not JSON: {event.data[:200]!r}") from error


def _piece(audio: Json) -> bytes:
    data = audio.get("data") if isinstance(audio, dict) else None
    try:
        return decode_base64(data, "data") if data else b""
    except InvalidRequest as error:
        raise MalformedAnswer(f"the provider's audio is not base64: {str(data)[:40]!r}") from error


def _usage(usage: JsonObject, request: SpeechRequest) -> Usage | None:
    """Tokens where the model counts them, else an estimate; the characters it bills beside them."""
    characters = a_count(usage.get("characters"))
    asked, answered = a_count(usage.get("input_tokens")), a_count(usage.get("output_tokens"))
    native = {} if characters is None else {"characters": characters}
    if asked is None and answered is None:
        return Usage(text_tokens(request.text), native=native, estimated=True) if native else None
    return Usage(asked or 0, answered or 0, native=native)
