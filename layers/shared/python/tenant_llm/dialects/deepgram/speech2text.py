"""Transcription: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded."""

from collections.abc import Mapping
from urllib.parse import urlencode

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.body import apply_quirks, auth, endpoint, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Bearer, Json, WireRequest, WireResponse

PATH = "listen"
_OPENAI_ONLY = {
    "response_format",
    "temperature",
    "timestamp_granularities",
    "timestamp_granularities[]",
    "stream",
    "include",
    "chunking_strategy",
}


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """The audio as it is; everything else in the query, a list as a parameter that repeats.

    There is no place for a prompt. ``params`` and quirks are about the query.

    Raises:
        InvalidRequest: When the caller asks for a streamed transcript.
    """
    if request.params.get("stream"):
        raise InvalidRequest("stream: transcripts are not streamed", param="stream")
    config, quirks = target.config, target.config.quirks
    given = {name: value for name, value in request.params.items() if name not in _OPENAI_ONLY}
    model = wire_model(config.wire_name, quirks)
    options = apply_quirks({"model": model, "language": request.language, **given}, quirks)
    return WireRequest(
        url=f"{endpoint(config.base_url, PATH, quirks)}?{_query(options)}",
        headers={"content-type": request.audio.content_type, **quirks.headers},
        query=dict(quirks.query),
        content=request.audio.content,
        auth=auth(quirks, Bearer(scheme="Token")),
    )


def parse(response: WireResponse, request: TranscriptionRequest, target: Target) -> TranscriptionResult:  # noqa: ARG001
    """The transcript of every channel, a line each; ``extra`` keeps words and utterances.

    Raises:
        MalformedAnswer: When there is no transcript in it.
        ProviderError: When it is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    results = an_object(an_object(body).get("results"))
    channels = objects(results.get("channels"))
    heard = [(objects(channel.get("alternatives")) or [{}])[0] for channel in channels]
    if not heard or not all(isinstance(best.get("transcript"), str) for best in heard):
        raise MalformedAnswer(f"the provider's answer has no transcript: {response.content[:200]!r}")
    kept = {
        "words": [word for best in heard for word in objects(best.get("words"))],
        "utterances": results.get("utterances"),
    }
    return TranscriptionResult(
        text="\n".join(best["transcript"] for best in heard if best["transcript"]),
        language=a_text(channels[0].get("detected_language")) or None,
        duration=_seconds(an_object(body.get("metadata")).get("duration")),
        extra={name: value for name, value in kept.items() if value},
    )


def _query(options: Mapping[str, Json]) -> str:
    pairs = [
        (name, _text(item))
        for name, value in options.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return urlencode(pairs)


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
