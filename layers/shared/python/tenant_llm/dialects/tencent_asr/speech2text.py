"""Transcription by jobs: https://cloud.tencent.com/document/product/1093/37823.

The API has a call for short audio too, but with fewer models, and it wants to be told the format.
"""

from base64 import b64encode
from collections.abc import Mapping

from tenant_llm.dialects.answers import a_count, a_text
from tenant_llm.dialects.body import apply_quirks, wire_model
from tenant_llm.dialects.errors import provider_error
from tenant_llm.dialects.tencent_asr.call import data_of, parse_error, post, refuse_error
from tenant_llm.dialects.tencent_asr.transcript import details_of, text_of
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

__all__ = ["cancel", "follow_up", "parse", "parse_error", "render"]

_GRANULARITIES = ("timestamp_granularities", "timestamp_granularities[]")
_OPENAI_ONLY = {"response_format", "temperature", "stream", "include", "chunking_strategy", *_GRANULARITIES}
_NUMBERS = {
    "ChannelNum",
    "ResTextFormat",
    "SpeakerDiarization",
    "SpeakerNumber",
    "FilterDirty",
    "FilterPunc",
    "FilterModal",
    "ConvertNumMode",
    "EmotionRecognition",
    "EmotionalEnergy",
    "ReinforceHotword",
    "SentenceMaxLength",
}
_SENTENCES, _WORDS = 0, 2
_GOING_ON, _DONE, _FAILED = ("waiting", "doing"), "success", "failed"
_STATUSES = dict(enumerate((*_GOING_ON, _DONE, _FAILED)))


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """The order of a job, with the audio in it.

    The model (engine) settles the language, and there is no place for a prompt. ``params`` and quirks are about the
    body (``SpeakerDiarization``, ``HotwordList`` …); whoever asks for the times of words gets them.

    Raises:
        InvalidRequest: When the caller asks for a streamed transcript.
    """
    if request.params.get("stream"):
        raise InvalidRequest("stream: transcripts are not streamed", param="stream")
    audio = request.audio.content
    quirks = target.config.quirks
    given = {name: _value(name, value) for name, value in request.params.items() if name not in _OPENAI_ONLY}
    asked = {
        "ChannelNum": 1,
        "ResTextFormat": _WORDS if _wants_words(request.params) else _SENTENCES,
        **given,
        "EngineModelType": wire_model(target.config.wire_name, quirks),
    }
    data = {"SourceType": 1, "Data": b64encode(audio).decode("ascii"), "DataLen": len(audio)}
    return post(target, "CreateRecTask", {**apply_quirks(asked, quirks), **data})


def follow_up(answer: WireResponse, request: TranscriptionRequest, target: Target) -> WireRequest | None:  # noqa: ARG001
    """The question how the job is; ``None`` when it has ended.

    Raises:
        ProviderError: When the answer is an error object.
    """
    refuse_error(answer)
    job = data_of(answer)
    task = job.get("TaskId")
    if not isinstance(task, int) or isinstance(task, bool) or _status(job) not in (*_GOING_ON, None):
        return None
    return post(target, "DescribeTaskStatus", {"TaskId": task})


def cancel(answer: WireResponse, target: Target) -> WireRequest | None:  # noqa: ARG001
    """Nothing: a job of this API cannot be stopped."""
    return None


def parse(response: WireResponse, request: TranscriptionRequest, target: Target) -> TranscriptionResult:  # noqa: ARG001
    """The transcript; ``extra`` has the sentences with their times, and the words where they were asked for.

    Raises:
        ProviderError: When the answer is an error object.
        ProviderRejected: When the job failed; that is about the audio.
        MalformedAnswer: When there is no ended job in it.
    """
    refuse_error(response)
    job = data_of(response)
    if _status(job) == _FAILED:
        said = a_text(job.get("ErrorMsg")) or "the provider could not recognise the audio"
        raise provider_error(400, {"message": said}, response.headers)
    result = job.get("Result")
    if _status(job) != _DONE or not isinstance(result, str):
        raise MalformedAnswer(f"the provider's answer has no transcript: {response.content[:200]!r}")
    return TranscriptionResult(text=text_of(result), duration=_seconds(job.get("AudioDuration")), extra=details_of(job))


def _status(job: JsonObject) -> str | None:
    """The job's state as a word; ``None`` where it is not told, as when the job has just been ordered."""
    number = a_count(job.get("Status"))
    told = a_text(job.get("StatusStr")) or None
    return told if number is None else _STATUSES.get(number, str(number))


def _wants_words(params: Mapping[str, Json]) -> bool:
    return any(isinstance(asked := params.get(name), list) and "word" in asked for name in _GRANULARITIES)


def _value(name: str, value: Json) -> Json:
    """Numbers that came as a form's text are numbers again: the API is strict about types."""
    return int(value) if name in _NUMBERS and isinstance(value, str) and value.strip().isdecimal() else value


def _seconds(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
