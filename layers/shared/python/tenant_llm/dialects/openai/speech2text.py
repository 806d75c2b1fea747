"""Transcription: https://platform.openai.com/docs/api-reference/audio/createTranscription."""

from collections.abc import Mapping
from json import dumps

from tenant_llm.dialects.answers import an_object
from tenant_llm.dialects.body import apply_quirks, auth, endpoint, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai.usage import chat_usage
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Form, Json, JsonObject, WireRequest, WireResponse

PATH = "audio/transcriptions"
_PLAIN = ("text", "srt", "vtt")
_KNOWN = {"text", "language", "duration", "usage", "model"}


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """The audio as a multipart form; ``response_format`` and the rest only where the caller gave them.

    Raises:
        InvalidRequest: When the caller asks for a streamed transcript.
    """
    if request.params.get("stream"):
        raise InvalidRequest("stream: transcripts are not streamed", param="stream")
    config, quirks = target.config, target.config.quirks
    fields = {
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
    body = an_object(body)
    usage = an_object(body.get("usage"))
    return TranscriptionResult(
        text=text,
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
