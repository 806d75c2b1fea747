"""Speech: https://www.xfyun.cn/doc/tts/online_tts/API.html.

The text goes out in one message, the audio comes back in many. No answer tells what it is billed by.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from json import loads
from math import log2

from tenant_llm.dialects.answers import a_text, an_object
from tenant_llm.dialects.body import apply_quirks, endpoint, wire_model
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.wav import open_head, wav
from tenant_llm.domain.errors import (
    CredentialRejected,
    InvalidRequest,
    MalformedAnswer,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    QuotaExhausted,
)
from tenant_llm.domain.target import Target
from tenant_llm.domain.tts import SpeechDelta, SpeechRequest, SpeechResult
from tenant_llm.domain.wire import JsonObject, ServerEvent, SignedLine, WireRequest

PATH = "tts"
APP, KEY, SECRET = "spark_app_id", "spark_api_key", "spark_api_secret"
_RATE = 16000
_LAST = 2  # of a text and of an audio: nothing follows
_NORMAL, _FASTEST = 50, 100
_ENCODINGS: Mapping[str, JsonObject] = {
    "mp3": {"aue": "lame", "sfl": 1},  # sfl: as a stream, each piece with the frames it has
    "wav": {"aue": "raw"},
    "pcm": {"aue": "raw"},
}
_MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}
_REFUSED_KEYS = (10005, 10105, 10110, 10313, 11200)  # the last: this voice is not one the key has
_NO_MORE_TODAY = 11201
_FAULTS = (10019, 10101, 10114, 10200, 10222, 10700, 11502, 11503)


def render(request: SpeechRequest, target: Target) -> WireRequest:
    """The text and how to say it; the caller's voice, else the model's name, which is one.

    A speed of 1 is the wire's 50, twice as fast its 100 and half as fast its 0.

    Raises:
        InvalidRequest: When the format is none the provider makes, the speed no number above 0, or events are asked
            for instead of audio.
        CredentialMissing: When the credential names no application.
    """
    if request.params.get("stream_format") == "sse":
        raise InvalidRequest("stream_format: audio comes as bytes, not as events", param="stream_format")
    config = target.config
    business = {
        **request.params,
        **_ENCODINGS[request.format_among(_ENCODINGS)],
        "auf": f"audio/L16;rate={_RATE}",
        "tte": "UTF8",
        "vcn": request.voice or wire_model(config.wire_name, config.quirks),
        "speed": None if request.speed is None else _speed(request.speed),
    }
    return WireRequest(
        endpoint(config.base_url, PATH, config.quirks),
        json={
            "common": {"app_id": target.credential.get(APP)},
            "business": apply_quirks(business, config.quirks),
            "data": {"status": _LAST, "text": b64encode(request.text.encode()).decode()},
        },
        auth=SignedLine(KEY, SECRET),
        framing="websocket",
    )


def parse_events(events: Iterable[ServerEvent], request: SpeechRequest, target: Target) -> SpeechResult:  # noqa: ARG001
    """The audio of all messages, in one piece.

    Raises:
        ProviderError: When a message tells of a fault.
        MalformedAnswer: When a message is not understood, or they end before the last one.
    """
    audio = b"".join(_pieces(events))
    format_ = request.format_among(_ENCODINGS)
    return SpeechResult(wav(audio, _RATE) if format_ == "wav" else audio, _MEDIA_TYPES[format_])


def parse_stream(events: Iterable[ServerEvent], request: SpeechRequest, target: Target) -> Iterator[SpeechDelta]:  # noqa: ARG001
    """The audio message by message; raises as ``parse_events`` does.

    A WAV file begins with a head that leaves the number of samples open.
    """
    format_ = request.format_among(_ENCODINGS)
    head = open_head(_RATE) if format_ == "wav" else b""
    for piece in _pieces(events):
        yield SpeechDelta(head + piece, _MEDIA_TYPES[format_])
        head = b""


def _pieces(events: Iterable[ServerEvent]) -> Iterator[bytes]:
    """The audio of each message that has some."""
    heard = False
    for event in events:
        data = _data(event)
        if piece := _piece(data):
            heard = True
            yield piece
        if data.get("status") == _LAST:
            break
    else:
        raise MalformedAnswer("the provider's audio ends before its last piece")
    if not heard:
        raise MalformedAnswer("the provider's answer holds no audio")


def _speed(speed: float) -> int:
    if speed <= 0:
        raise InvalidRequest(f"speed is {speed!r}: not above 0", param="speed")
    return min(_FASTEST, max(0, round(_NORMAL + _NORMAL * log2(speed))))


def _data(event: ServerEvent) -> JsonObject:
    try:
        message = an_object(loads(event.data))
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer(f"a message of the provider is not JSON: {event.data[:200]!r}") from error
    code = message.get("code")
    if code != 0:
        raise _fault(code)(f"{a_text(message.get('message')) or 'the provider tells of a fault'} (code {code})"[:300])
    return an_object(message.get("data"))


def _fault(code: object) -> type[ProviderError]:
    if code in _REFUSED_KEYS:
        return CredentialRejected
    if code == _NO_MORE_TODAY:
        return QuotaExhausted
    return ProviderUnavailable if code in _FAULTS else ProviderRejected


def _piece(data: JsonObject) -> bytes:
    text = a_text(data.get("audio"))
    try:
        return decode_base64(text, "audio") if text else b""
    except InvalidRequest as error:
        raise MalformedAnswer(f"the provider's audio is not base64: {text[:40]!r}") from error
