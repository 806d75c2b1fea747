"""Transcription and speech: https://platform.openai.com/docs/api-reference/audio."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from tenant_llm.dialects.content import decode_base64
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Json, JsonObject
from tenant_llm.surface.entrypoint import Answer, Call
from tenant_llm.surface.invocation import InvocationBody, Name, body_of, more_usage, params

type Format = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]

_TEXT = "text/plain; charset=utf-8"
_GRANULARITIES = ("timestamp_granularities[]", "timestamp_granularities")
_SUBTITLES = {"srt": ("", ","), "vtt": ("WEBVTT\n\n", ".")}


class TranscriptionBody(BaseModel):
    """The form's fields, which are texts; also the body of a direct event, whose ``audio`` is base64."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: Name | None = None
    language: Name | None = None
    prompt: str | None = None
    response_format: Format | None = None
    temperature: float | None = None
    stream: bool | None = None
    audio: Name | None = None
    audio_url: Json = None  # judged by hand, since pydantic would quote it, and its query may be a signature
    filename: Name | None = None
    content_type: Name | None = None


class SpeechBody(InvocationBody):
    """``response_format`` is mp3, opus, aac, flac, wav, pcm, or what else the provider knows."""

    input: Name
    voice: Name | None = None
    response_format: Name | None = None
    speed: Annotated[float, Field(gt=0)] | None = None
    stream_format: Literal["audio", "sse"] | None = None
    output_url: Json = None  # judged by hand, as ``audio_url``


@dataclass(frozen=True, slots=True)
class TranscriptionCall:
    """A transcript asked for, and how it is to be written.

    With a ``source`` the request's audio is empty and has the name and type that the caller wants, or none.
    """

    model: str | None
    request: TranscriptionRequest
    format: Format = "json"
    source: Link | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """Speech asked for, where it is to be uploaded, and how it is to be streamed.

    Over HTTP it is, as ``audio``, unless ``sse`` is asked for; directly only where either is.
    """

    model: str | None
    request: SpeechRequest
    target: Link | None = None
    stream: Literal["audio", "sse"] | None = None


def ask_transcription(call: Call) -> TranscriptionCall:
    """The transcript that a call asks for: a form with ``file``, or ``audio`` in base64, or ``audio_url``.

    Raises:
        InvalidRequest: When there is no audio or more than one, or it is no base64 or no URL.
        ValidationError: When another field cannot be right.
    """
    body = dict(call.form.fields) if call.form is not None else body_of(call, ModelType.SPEECH2TEXT)
    checked = TranscriptionBody.model_validate(body)
    source = _source(call, checked)
    given: JsonObject = {"response_format": checked.response_format, "temperature": checked.temperature}
    granularities = next((body[name] for name in _GRANULARITIES if body.get(name)), None)
    given["timestamp_granularities"] = [granularities] if isinstance(granularities, str) else granularities
    rest = params(body, *TranscriptionBody.model_fields, *_GRANULARITIES)
    request = TranscriptionRequest(
        audio=_audio(call, checked) if source is None else _unfetched(checked),
        language=checked.language,
        prompt=checked.prompt,
        params={**rest, **{name: value for name, value in given.items() if value is not None}},
    )
    return TranscriptionCall(checked.model, request, checked.response_format or "json", source, bool(checked.stream))


def ask_speech(call: Call) -> SpeechCall:
    """The speech that a call asks for.

    Raises:
        InvalidRequest: When a direct event is for another model type, or ``output_url`` is no URL, or one for events.
        ValidationError: When the body cannot be right.
    """
    body = body_of(call, ModelType.TTS)
    checked = SpeechBody.model_validate(body)
    request = SpeechRequest(
        text=checked.input,
        voice=checked.voice,
        format=checked.response_format,
        speed=checked.speed,
        params=params(body, *SpeechBody.model_fields),
    )
    target = None if checked.output_url is None else Link.parse(checked.output_url, "output_url")
    stream = checked.stream_format or (None if call.direct else "audio")
    if target is None:
        return SpeechCall(checked.model, request, stream=stream)
    if stream == "sse":
        raise InvalidRequest(
            "stream_format is 'sse' and output_url is there: events are not uploaded", param="output_url"
        )
    return SpeechCall(checked.model, request, target)


def render_transcription(result: TranscriptionResult, wanted: Format = "json") -> Answer:
    """The transcript as it was asked for: JSON, bare text, or subtitles.

    Raises:
        UnsupportedModelType: When subtitles were asked for and the model tells no times.
    """
    match wanted:
        case "json":
            return Answer(render_transcript(result))
        case "text":
            return Answer(result.text, content_type=_TEXT, headers=named(result.model))
        case "srt" | "vtt":
            return Answer(_subtitles(result, wanted), content_type=_TEXT, headers=named(result.model))
        case "verbose_json" | "diarized_json":
            told = {"task": "transcribe", "language": result.language, "duration": result.duration}
            return Answer({**told, **result.extra, **render_transcript(result)})


def named(model: str) -> dict[str, str]:
    """Which model answered, as a header, where the body has no room for it; percent-encoded where HTTP needs that."""
    return {"x-model": quote(model, safe="@/:.-_ ")}


def render_speech(result: SpeechResult, target: Link | None = None) -> Answer:
    """The audio; where it was uploaded, the place without its query, which may be a signature."""
    if target is None:
        return Answer(result.audio, content_type=result.content_type, headers=named(result.model))
    return Answer(
        {
            "output_url": target.url,
            "bytes": len(result.audio),
            "content_type": result.content_type,
            "model": result.model,
            "usage": render_tokens(result.usage or Usage(estimated=True)),
        }
    )


def render_transcript(result: TranscriptionResult) -> JsonObject:
    """The text, the model and the usage, which is told by time where the tokens are our estimate."""
    usage = result.usage or Usage(estimated=True)
    by_time = "seconds" in usage.native and (usage.estimated or not usage.total_tokens)
    return {
        "text": result.text,
        "model": result.model,
        "usage": {"type": "duration" if by_time else "tokens", **render_tokens(usage)},
    }


def render_tokens(usage: Usage) -> JsonObject:
    """A usage in OpenAI's names."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        **more_usage(usage),
    }


def _subtitles(result: TranscriptionResult, wanted: Literal["srt", "vtt"]) -> str:
    segments = result.extra.get("segments")
    if not segments:
        if "-->" in result.text:  # the provider has written them
            return result.text
        raise UnsupportedModelType(
            f"model {result.model!r} tells no times, which {wanted!r} needs: ask for json or text",
            param="response_format",
        )
    start, point = _SUBTITLES[wanted]
    return start + "".join(_cues(segments, point, numbered=wanted == "srt"))


def _cues(segments: Iterable[JsonObject], point: str, *, numbered: bool) -> Iterable[str]:
    for number, segment in enumerate(segments, start=1):
        times = f"{_clock(segment['start'], point)} --> {_clock(segment['end'], point)}"
        head = f"{number}\n{times}" if numbered else times
        yield f"{head}\n{str(segment['text']).strip()}\n\n"


def _clock(seconds: Json, point: str) -> str:
    minutes, milliseconds = divmod(round(float(seconds) * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _audio(call: Call, checked: TranscriptionBody) -> File:
    if call.form is not None:
        file, where = call.form.files.get("file"), "file"
    elif checked.audio is not None:
        kind = checked.content_type or "application/octet-stream"
        file, where = File(checked.filename or "audio", decode_base64(checked.audio, "audio"), kind), "audio"
    else:
        file, where = None, "file"
    if file is None:
        raise InvalidRequest(f"{where} is required: a file of the form, audio in base64, or audio_url", param=where)
    if not file.content:
        raise InvalidRequest(f"{where} {file.name!r} is empty", param=where)
    return file


def _source(call: Call, checked: TranscriptionBody) -> Link | None:
    if checked.audio_url is None:
        return None
    other = "file" if call.form is not None and "file" in call.form.files else "audio"
    if other == "file" or checked.audio is not None:
        raise InvalidRequest(f"audio_url and {other} are both there: send one", param="audio_url")
    return Link.parse(checked.audio_url, "audio_url")


def _unfetched(checked: TranscriptionBody) -> File:
    return File(checked.filename or "", b"", checked.content_type or "")
