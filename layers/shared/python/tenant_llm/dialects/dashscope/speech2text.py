"""Transcription in one call: https://www.alibabacloud.com/help/en/model-studio/qwen-asr-api-reference.

The same factory has models that take only jobs over files on the web, or only WebSockets; those are refused here.
"""

import re
from collections.abc import Mapping

from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.content import data_url
from tenant_llm.dialects.dashscope.call import output_of, post
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer, UnsupportedModelType
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Json, JsonObject, WireRequest, WireResponse

PATH = "api/v1/services/aigc/multimodal-generation/generation"
_ELSEWHERE = (
    (re.compile(r"-realtime"), "is spoken to over a WebSocket, which this service does not do"),
    (
        re.compile(r"-filetrans|^(paraformer|sensevoice)|^fun-asr(?!-flash)"),
        "takes jobs over files on the web, not audio in one call; take a model like qwen3-asr-flash",
    ),
)
_OWN_PARTS = re.compile(r"^fun-asr-flash")
_OPENAI_ONLY = {"response_format", "temperature", "timestamp_granularities", "stream", "include", "chunking_strategy"}
_MEDIA_TYPES = {"mp3": "audio/mpeg", "m4a": "audio/mp4"}


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """The audio as a data URL in a user's message; the prompt is the system's, as context to lean on.

    ``params`` and quirks are about ``asr_options`` (``enable_itn``, ``enable_lid``); OpenAI's fields have no meaning.

    Raises:
        InvalidRequest: When the caller asks for a streamed transcript.
        UnsupportedModelType: When the model is not served in one call.
    """
    name = target.config.wire_name
    for models, why in _ELSEWHERE:
        if models.search(name):
            raise UnsupportedModelType(f"the model {name!r} {why}", param="model")
    if request.params.get("stream"):
        raise InvalidRequest("stream: transcripts are not streamed", param="stream")
    given = {key: value for key, value in request.params.items() if key not in _OPENAI_ONLY}
    options = apply_quirks({**given, "language": request.language}, target.config.quirks)
    return post(target, PATH, _own_parts(request, options) if _OWN_PARTS.search(name) else _messages(request, options))


def parse(response: WireResponse, request: TranscriptionRequest, target: Target) -> TranscriptionResult:  # noqa: ARG001
    """The transcript; ``extra`` keeps what the model heard beside words (``emotion``).

    Raises:
        MalformedAnswer: When there is no message in it.
        ProviderError: When it is an error object.
    """
    output, usage = output_of(response)
    message = _message(output)
    notes: JsonObject = next(
        (note for note in objects(message.get("annotations")) if note.get("type") == "audio_info"), {}
    )
    seconds = _seconds(usage.get("seconds")) or _seconds(usage.get("duration"))
    return TranscriptionResult(
        text=_text(message.get("content")),
        language=a_text(notes.get("language")) or None,
        duration=seconds,
        usage=_usage(usage, seconds),
        extra={"emotion": notes["emotion"]} if notes.get("emotion") else {},
    )


def _messages(request: TranscriptionRequest, options: JsonObject) -> JsonObject:
    messages: list[JsonObject] = [{"role": "user", "content": [{"audio": _audio(request.audio)}]}]
    if request.prompt:
        messages.insert(0, {"role": "system", "content": [{"text": request.prompt}]})
    body: JsonObject = {"input": {"messages": messages}}
    return body | ({"parameters": {"asr_options": options}} if options else {})


def _own_parts(request: TranscriptionRequest, options: JsonObject) -> JsonObject:
    """The younger models' body: another part, another place for the options, and the format by its name."""
    part = {"type": "input_audio", "input_audio": {"data": _audio(request.audio)}}
    parameters = {"format": request.audio.name.rpartition(".")[2].lower() or "wav", **options}
    return {"input": {"messages": [{"role": "user", "content": [part]}]}, "parameters": parameters}


def _audio(file: File) -> str:
    """A data URL, whose media type the provider goes by; an upload without one is told by its name's ending."""
    kind = file.content_type
    if not kind.startswith(("audio/", "video/")):
        ending = file.name.rpartition(".")[2].lower()
        kind = _MEDIA_TYPES.get(ending) or f"audio/{ending if ending.isalnum() else 'wav'}"
    return data_url(file.content, kind)


def _message(output: JsonObject) -> JsonObject:
    """The message of the first choice; the younger models put the text alone beside it."""
    if isinstance(output.get("text"), str):
        return {"content": output["text"]}
    message = next((choice.get("message") for choice in objects(output.get("choices"))), None)
    if not isinstance(message, dict):
        raise MalformedAnswer(f"the provider's answer has no transcript: {str(output)[:200]!r}")
    return message


def _text(content: Json) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text") if isinstance(part, dict) else part) for part in content)
    return content if isinstance(content, str) else ""


def _usage(usage: Mapping[str, Json], seconds: float | None) -> Usage | None:
    """Tokens in whichever way they are told; ``None`` where there are only seconds."""
    asked, answered = _tokens(usage, "input"), _tokens(usage, "output")
    if asked is None and answered is None:
        return None
    return Usage(asked or 0, answered or 0, native={} if seconds is None else {"seconds": seconds})


def _seconds(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tokens(usage: Mapping[str, Json], side: str) -> int | None:
    """The side's count, or the sum of its parts, which some models tell alone."""
    if (total := a_count(usage.get(f"{side}_tokens"))) is not None:
        return total
    counts = [a_count(value) for value in an_object(usage.get(f"{side}_tokens_details")).values()]
    return sum(value or 0 for value in counts) if counts else None
