"""Speech: https://www.alibabacloud.com/help/en/model-studio/qwen-tts-api.

Asked for whole, the provider answers with a link to a file on another host. Asked for events it sends the audio
itself, so events are asked for and put together here: no second host is called.
"""

import re
from collections.abc import Iterable, Iterator
from json import loads

from tenant_llm.dialects import sse
from tenant_llm.dialects.answers import a_count
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.dashscope.call import output_and_usage, post
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.wav import open_head, wav
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer, UnsupportedModelType
from tenant_llm.domain.target import Target
from tenant_llm.domain.tokens import text_tokens
from tenant_llm.domain.tts import SpeechDelta, SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

PATH = "api/v1/services/aigc/multimodal-generation/generation"
SYNTHESIZER_PATH = "api/v1/services/audio/tts/SpeechSynthesizer"
DEFAULT_VOICE = "Cherry"
_EVENTS = {"x-dashscope-sse": "enable"}
_ELSEWHERE = re.compile(r"^sambert|-realtime")
_SYNTHESIZER = re.compile(r"^(cosyvoice|qwen-audio)")
_RAW, _RATE = "pcm", 24000
_WAV = b"RIFF"
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
    for piece, usage in _pieces(response, [response.content]):
        pieces.append(piece)
        used = usage or used
    audio = b"".join(pieces)
    format_ = _format(request, target.config.wire_name)
    if format_ == "wav" and not audio.startswith(_WAV):
        audio = wav(audio, _RATE)
    return SpeechResult(audio, _MEDIA_TYPES[format_], _usage(used, request))


def parse_chunks(
    head: WireResponse, chunks: Iterable[bytes], request: SpeechRequest, target: Target
) -> Iterator[SpeechDelta]:
    """The audio event by event, the usage last; raises as ``parse`` does.

    Samples that shall be a WAV file have a head before them that leaves their number open.
    """
    format_ = _format(request, target.config.wire_name)
    content_type = _MEDIA_TYPES[format_]
    used: JsonObject = {}
    bare = format_ == "wav"
    for piece, usage in _pieces(head, chunks):
        used = usage or used
        if piece:
            bare = bare and not piece.startswith(_WAV)
            yield SpeechDelta(open_head(_RATE) + piece if bare else piece, content_type)
            bare = False
    yield SpeechDelta(content_type=content_type, usage=_usage(used, request))


def _pieces(head: WireResponse, chunks: Iterable[bytes]) -> Iterator[tuple[bytes, JsonObject]]:
    """The audio and the usage of each event, either of which may be empty."""
    heard = False
    body: Json = None
    for body in _events(chunks):
        refuse_error_object(body, head.headers)
        output, usage = output_and_usage(body)
        piece = _piece(output.get("audio"))
        heard = heard or bool(piece)
        yield piece, usage
    if not heard:
        raise MalformedAnswer(f"the provider's answer holds no audio: {str(body)[:200]!r}")


def _format(request: SpeechRequest, model: str) -> str:
    """The format asked for, or the model's own. Some models make nothing but samples, with or without a WAV head."""
    makes = tuple(_MEDIA_TYPES) if _SYNTHESIZER.search(model) else ("wav", _RAW)
    format_ = request.format or makes[0]
    if format_ not in makes:
        raise InvalidRequest(
            f"response_format {format_!r}: the model {model!r} makes {', '.join(makes)}", param="response_format"
        )
    return format_


def _events(chunks: Iterable[bytes]) -> Iterator[Json]:
    for event in sse.sse(chunks):
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
