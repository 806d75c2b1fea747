"""Chat: https://replicate.com/docs/reference/streaming, and what the schemas of most models have in common.

A model takes one ``prompt`` and, most of them, a ``system_prompt``. A conversation of more than one message is written
into the prompt as a dialogue.
"""

from collections.abc import Iterable, Iterator, Mapping

from tenant_llm.dialects.answers import a_text
from tenant_llm.dialects.content import system_text, text_of
from tenant_llm.dialects.errors import provider_error
from tenant_llm.dialects.fields import number_of, refuse_features, refuse_logprobs, texts_of
from tenant_llm.dialects.replicate.prediction import cancel, create, finished, follow_up, usage_of
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer, ProviderUnavailable, UnsupportedModelType
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, ServerEvent, WireRequest, WireResponse

__all__ = ["cancel", "follow_up", "parse", "parse_stream", "render"]

_SYSTEM = "system_prompt"
_SPEAKERS = {"user": "User", "assistant": "Assistant"}
_TRANSLATED = frozenset({"max_tokens", "max_completion_tokens", "stop", "n"})
_DROPPED = frozenset({
    "logit_bias", "logprobs", "metadata", "modalities", "parallel_tool_calls", "prediction", "prompt_cache_key",
    "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream_options", "top_logprobs", "user",
    "verbosity",
})  # fmt: skip


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The conversation as a prediction's input. Where the row drops ``system_prompt``, its text leads the prompt.

    Raises:
        InvalidRequest: When ``n`` is not 1, a message holds more than text, or its role is unknown.
        UnsupportedModelType: When tools, a format, probabilities or anything else than text are asked for.
    """
    for name, asked in (("tools", request.tools), ("response_format", _formatted(request.response_format))):
        if asked:
            raise UnsupportedModelType(f"{name}: this provider's models take a prompt and answer text", param=name)
    refuse_features(request.params)
    refuse_logprobs(request.params)
    system = system_text(request.messages)
    leads = _SYSTEM in target.config.quirks.drop
    given = {
        **_parameters(request.params),
        "prompt": _prompt(request.messages, system if leads else ""),
        _SYSTEM: system or None,
    }
    return create(given, target, stream=request.stream)


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The output of a prediction.

    Raises:
        ProviderError: When the prediction failed.
        MalformedAnswer: When its output is neither a text nor a list of texts.
    """
    prediction = finished(response)
    output = prediction.get("output")
    pieces = [output] if isinstance(output, str) else output
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise MalformedAnswer(f"the prediction's output is no text: {str(output)[:200]!r}")
    return ChatResult((Choice("".join(pieces)),), usage_of(prediction), a_text(prediction.get("model")))


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The pieces of text, as they come; the usage is in the prediction, after the stream.

    Raises:
        ProviderError: When an event tells of a fault.
        ProviderUnavailable: When the stream ends before it is done.
    """
    for event in events:
        match event.event:
            case "output":
                yield ChatDelta(event.data)
            case "error":
                raise provider_error(None, {"error": {"message": event.data or "the prediction failed"}}, {})
            case "done":
                yield ChatDelta(finish_reason="stop")
                return
    raise ProviderUnavailable("the provider's stream ended early, before it was done")


def _formatted(wanted: JsonObject | None) -> bool:
    return wanted is not None and wanted.get("type") != "text"


def _parameters(given: Mapping[str, Json]) -> JsonObject:
    """OpenAI's parameters by the names most models know; fields that neither knows go as they are."""
    body = {name: value for name, value in given.items() if name not in _TRANSLATED and name not in _DROPPED}
    body["max_tokens"] = number_of(given, "max_completion_tokens", "max_tokens")
    stops = texts_of(given, "stop")
    body["stop_sequences"] = ",".join(stops) if stops else given.get("stop_sequences")
    return body


def _prompt(messages: Iterable[JsonObject], system: str) -> str:
    said: list[tuple[str, str]] = []
    for index, message in enumerate(messages):
        role = str(message.get("role"))
        text = text_of(message.get("content"), f"messages[{index}].content")
        if role in _SPEAKERS:
            said.append((_SPEAKERS[role], text))
        elif role not in ("system", "developer"):
            where = f"messages[{index}].role"
            raise InvalidRequest(f"{where} is {role!r}: this provider's models know no such speaker", param=where)
    if len(said) == 1 and said[0][0] == _SPEAKERS["user"]:
        return "\n\n".join(filter(None, (system, said[0][1])))
    lines = [f"{speaker}: {text}" for speaker, text in said]
    return "\n\n".join([*filter(None, [system]), *lines, f"{_SPEAKERS['assistant']}:"])
