"""Chat: https://docs.cohere.com/reference/chat."""

from collections.abc import Iterable, Iterator, Mapping

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.cohere.answer import finish_reason, text_and_thought, usage_of
from tenant_llm.dialects.cohere.messages import messages, response_format, tools
from tenant_llm.dialects.cohere.place import path
from tenant_llm.dialects.cohere.refusal import parse_error
from tenant_llm.dialects.cohere.stream import StreamReader
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.events import decoded
from tenant_llm.dialects.fields import number_of, refuse_features, refuse_logprobs, texts_of
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice, ToolCall
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, ServerEvent, WireRequest, WireResponse

__all__ = ["parse", "parse_error", "parse_stream", "render"]

_RENAMED = {"max_completion_tokens": "max_tokens", "top_p": "p", "top_k": "k"}
_TRANSLATED = frozenset({*_RENAMED, "max_tokens", "stop", "stop_sequences", "reasoning_effort", "n"})
_DROPPED = frozenset({
    "audio", "logit_bias", "logprobs", "metadata", "modalities", "parallel_tool_calls", "prediction",
    "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream_options",
    "top_logprobs", "user", "verbosity",
})  # fmt: skip
_PENALTIES = ("frequency_penalty", "presence_penalty")


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request as a call of the second version. The base URL may end in ``/v2`` or before it.

    Raises:
        InvalidRequest: When ``n`` is not 1, or a message cannot be right.
        UnsupportedModelType: When a message holds neither text nor image.
    """
    body = {
        **_parameters(request.params),
        **tools(request),
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "messages": messages(request.messages),
        "response_format": response_format(request.response_format),
        "stream": request.stream,
    }
    return post_json(target, path(target, "chat"), body, framing="sse" if request.stream else None)


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The answer; the plan behind tool calls is ``extra["tool_plan"]``, to be sent back with their results.

    Raises:
        MalformedAnswer: When there is no message in it.
        ProviderError: When it is an error object, or the provider gave up.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, dict):
        raise MalformedAnswer(f"the provider's answer has no message: {response.content[:200]!r}")
    text, thought = text_and_thought(message.get("content"))
    calls = tuple(_tool_call(call) for call in objects(message.get("tool_calls")))
    choice = Choice(
        text=text,
        reasoning=thought,
        tool_calls=calls,
        finish_reason=finish_reason(body.get("finish_reason")) or ("tool_calls" if calls else "stop"),
        extra={name: message[name] for name in ("tool_plan", "citations") if message.get(name)},
    )
    return ChatResult((choice,), usage_of(body.get("usage")))


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When the stream carries an error object, or the provider gave up.
        ProviderUnavailable: When it ends before the answer does.
        MalformedAnswer: When an event is not a JSON object.
    """
    reader = StreamReader()
    for event in decoded(events):
        for delta in reader.read(event):
            if delta != ChatDelta():
                yield delta
    if not reader.ended:
        raise ProviderUnavailable("the provider's stream ended early, without a finish reason")


def _parameters(given: Mapping[str, Json]) -> JsonObject:
    """OpenAI's parameters by this wire's names; fields that neither knows go as they are.

    Raises:
        InvalidRequest: When more than one choice is asked for, or a field is not of its kind.
        UnsupportedModelType: When the answer is to be more than text, or to tell probabilities.
    """
    refuse_features(given)
    refuse_logprobs(given)
    body = {name: value for name, value in given.items() if name not in _TRANSLATED and name not in _DROPPED}
    for name, place in _RENAMED.items():
        if given.get(name) is not None:
            body.setdefault(place, given[name])
    body.setdefault("max_tokens", given.get("max_tokens"))
    for name in _PENALTIES:  # From 0 to 1 here, from -2 to 2 with OpenAI.
        if (penalty := number_of(given, name)) is not None:
            body[name] = min(max(penalty, 0), 1)
    body["stop_sequences"] = texts_of(given, "stop_sequences", "stop") or None
    if (effort := given.get("reasoning_effort")) is not None:
        body.setdefault("thinking", {"type": "disabled" if effort == "none" else "enabled"})
    return body


def _tool_call(call: JsonObject) -> ToolCall:
    function = an_object(call.get("function"))
    return ToolCall(a_text(call.get("id")), a_text(function.get("name")), a_text(function.get("arguments")) or "{}")
