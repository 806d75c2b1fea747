"""Transcription: https://platform.openai.com/docs/api-reference/audio/createTranscription."""

from collections.abc import Iterable, Iterator, Mapping
from json import dumps

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.body import apply_quirks, auth, endpoint, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.events import decoded
from tenant_llm.dialects.openai.usage import chat_usage
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.speech2text import TranscriptionDelta, TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Form, Json, JsonObject, ServerEvent, WireRequest, WireResponse

PATH = "audio/transcriptions"
_PLAIN = ("text", "srt", "vtt")
_NAMES = {"audio_language": "language"}  # of an event that tells nothing else
_KNOWN = {"text", "language", "duration", "usage", "model"}


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """The audio as a multipart form; ``response_format`` and the rest only where the caller gave them.

    A transcript in pieces is asked for where the row says how.

    Raises:
        InvalidRequest: When ``stream`` is among the parameters: a whole transcript is wanted.
    """
    if request.params.get("stream"):
        raise InvalidRequest("stream: this transcript is not streamed", param="stream")
    config, quirks = target.config, target.config.quirks
    streaming = quirks.streaming if request.stream else {}
    fields = {
        **streaming,
        **request.params,
        "model": wire_model(config.wire_name, quirks),
        "language": request.language,
        "prompt": request.prompt,
    }
    return WireRequest(
        url=endpoint(config.base_url, PATH, quirks),
        headers=dict(quirks.headers),
        query=dict(quirks.query),
        form=Form(_form_fields(apply_quirks(fields, quirks)), {"file": request.audio}),
        auth=auth(quirks),
        framing="sse" if streaming else None,
    )


def parse(response: WireResponse, request: TranscriptionRequest, target: Target) -> TranscriptionResult:  # noqa: ARG001
    """The transcript, from JSON or, where the caller asked for subtitles or bare text, from that.

    Raises:
        MalformedAnswer: When there is no text in it.
        ProviderError: When it is an error object.
    """
    if request.params.get("response_format") in _PLAIN and response.content_type != "application/json":
        return TranscriptionResult(response.content.decode(errors="replace"))
    body = response.json()
    refuse_error_object(body, response.headers)
    text = body.get("text") if isinstance(body, dict) else body
    if not isinstance(text, str):
        raise MalformedAnswer(f"the provider's answer has no text: {response.content[:200]!r}")
    return _result({**an_object(body), "text": text})


def parse_stream(
    events: Iterable[ServerEvent],
    request: TranscriptionRequest,  # noqa: ARG001
    target: Target,  # noqa: ARG001
) -> Iterator[TranscriptionDelta]:
    """The transcript as it is written, the result last. A model that ignores the wish answers with JSON: one event.

    Some servers write OpenAI's events (https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event),
    some name them otherwise and have ``text`` for ``delta`` (https://docs.mistral.ai/capabilities/audio/), and
    some write chunks as of a chat (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html).

    Raises:
        ProviderError: When an event is an error object.
        MalformedAnswer: When an event is not understood, or there is no text in any.
    """
    texts: list[str] = []
    segments: list[Json] = []
    told: JsonObject = {}
    for body in decoded(events):
        delta = _delta(body)
        if delta is None:
            told |= _told(body)
            continue
        texts.append(delta.text)
        segments += [delta.segment] if delta.segment else []
        told |= {"usage": body["usage"]} if body.get("usage") else {}
        yield delta
    if not texts and not isinstance(told.get("text"), str):
        raise MalformedAnswer("the provider's stream has no text")
    yield TranscriptionDelta(result=_result({"text": "".join(texts), "segments": segments or None, **told}))


def _delta(body: JsonObject) -> TranscriptionDelta | None:
    """The piece that an event brings; ``None`` where it tells of the whole."""
    kind = a_text(body.get("type"))
    if kind.endswith(".segment"):
        return TranscriptionDelta(segment={name: value for name, value in body.items() if name != "type"})
    if kind.endswith(".delta"):
        return TranscriptionDelta(a_text(body.get("delta")) or a_text(body.get("text")))
    if "choices" in body:
        contents = (an_object(choice.get("delta")).get("content") for choice in objects(body["choices"]))
        return TranscriptionDelta("".join(map(a_text, contents)))
    return None


def _told(body: JsonObject) -> JsonObject:
    told = {_NAMES.get(name, name): value for name, value in body.items() if name != "type"}
    return {name: value for name, value in told.items() if value is not None}


def _result(body: JsonObject) -> TranscriptionResult:
    usage = an_object(body.get("usage"))
    return TranscriptionResult(
        text=a_text(body["text"]),
        language=body.get("language"),
        duration=_seconds(body.get("duration")) or _seconds(usage.get("seconds")),
        usage=_usage(usage),
        model=body.get("model") or "",
        extra={name: value for name, value in body.items() if name not in _KNOWN and value is not None},
    )


def _usage(usage: JsonObject) -> Usage | None:
    """Tokens where the model is billed in them, else seconds of audio."""
    if (seconds := _seconds(usage.get("seconds"))) is not None:
        return Usage(native={"seconds": seconds})
    return chat_usage(usage)


def _form_fields(fields: Mapping[str, Json]) -> dict[str, str | list[str]]:
    """Form fields are text; a list repeats its field, whose name then ends in brackets."""
    form: dict[str, str | list[str]] = {}
    for name, value in fields.items():
        if isinstance(value, list):
            form[name.removesuffix("[]") + "[]"] = [_form_text(item) for item in value]
        else:
            form[name] = _form_text(value)
    return form


def _form_text(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)


def _seconds(value: Json) -> float | None:
    """A duration, which some write as text."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
