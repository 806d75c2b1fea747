"""Chat: https://docs.ollama.com/api/chat."""

from collections.abc import Iterable, Iterator, Mapping

from tenant_llm.dialects import thinking
from tenant_llm.dialects.answers import a_text, an_object
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.events import decoded
from tenant_llm.dialects.fields import number_of, object_of, refuse_features, texts_of
from tenant_llm.dialects.ollama.answer import finish_reason, tool_calls, usage_of
from tenant_llm.dialects.ollama.messages import format_of, messages, tools
from tenant_llm.dialects.ollama.place import path, with_options
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice, ToolCall, ToolCallDelta
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, ServerEvent, WireRequest, WireResponse

_TRANSLATED = frozenset({"options", "max_tokens", "max_completion_tokens", "stop", "reasoning_effort", "n"})
_DROPPED = frozenset({
    "audio", "logit_bias", "metadata", "modalities", "parallel_tool_calls", "prediction", "prompt_cache_key",
    "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream_options", "user", "verbosity",
})  # fmt: skip
_EFFORTS: Mapping[str, Json] = {"none": False, "minimal": "low", "xhigh": "high", "max": "high"}


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request as a call of the native endpoint; sampling goes into ``options``.

    The length of the context is the server's to set, or the caller's by ``num_ctx``: another one than the last makes
    the server load the model again.

    Raises:
        InvalidRequest: When ``n`` is not 1, or a message cannot be said on this wire, as an image by its URL.
        UnsupportedModelType: When a message holds neither text nor image, or a tool has to be called.
    """
    options = object_of(request.params, "options")
    body = {
        **options,
        **_parameters(request.params),
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "messages": messages(request.messages),
        "tools": tools(request),
        "format": format_of(request.response_format) or request.params.get("format"),
        "stream": request.stream,
    }
    target = with_options(target, tuple(options))
    return post_json(target, path(target, "chat"), body, framing="ndjson" if request.stream else None)


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The answer.

    Raises:
        MalformedAnswer: When there is no message in it.
        ProviderError: When it is an error object.
    """
    answer = response.json()
    refuse_error_object(answer, response.headers)
    message = answer.get("message") if isinstance(answer, dict) else None
    if not isinstance(message, dict):
        raise MalformedAnswer(f"the provider's answer has no message: {response.content[:200]!r}")
    text, thought = a_text(message.get("content")), a_text(message.get("thinking"))
    if not thought:  # Servers before 0.9 leave the tags where the model wrote them.
        text, thought = thinking.split(text)
    calls = tool_calls(message, str(answer.get("created_at")))
    choice = Choice(
        text=text,
        reasoning=thought,
        tool_calls=calls,
        finish_reason=finish_reason(answer.get("done_reason"), called=bool(calls)),
        logprobs=_logprobs(answer),
    )
    return ChatResult((choice,), usage_of(answer), a_text(answer.get("model")))


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When a line is an error object.
        ProviderUnavailable: When the stream ends before the answer does.
        MalformedAnswer: When a line is not a JSON object.
    """
    splitter = thinking.ThinkSplitter()
    calls = 0
    for line in decoded(events):
        message = an_object(line.get("message"))
        thought = a_text(message.get("thinking"))
        if thought:
            splitter.off()
        text, tagged = splitter.feed(a_text(message.get("content")))
        called = tool_calls(message, str(line.get("created_at")), calls)
        delta = ChatDelta(
            text=text,
            reasoning=thought + tagged,
            tool_calls=tuple(_fragment(calls + place, call) for place, call in enumerate(called)),
            model=a_text(line.get("model")),
            logprobs=_logprobs(line),
        )
        calls += len(called)
        if delta != ChatDelta(model=delta.model):
            yield delta
        if line.get("done"):
            yield _last(line, splitter.finish(), called=calls > 0)
            return
    raise ProviderUnavailable("the provider's stream ended early, before it was done")


def _last(line: JsonObject, held: tuple[str, str], *, called: bool) -> ChatDelta:
    reason = finish_reason(line.get("done_reason"), called=called)
    return ChatDelta(*held, finish_reason=reason, usage=usage_of(line), model=a_text(line.get("model")))


def _fragment(index: int, call: ToolCall) -> ToolCallDelta:
    return ToolCallDelta(index, call.id, call.name, call.arguments)


def _parameters(given: Mapping[str, Json]) -> JsonObject:
    """OpenAI's parameters by this wire's names; fields that neither knows go as they are.

    Raises:
        InvalidRequest: When more than one choice is asked for, or a field is not of its kind.
        UnsupportedModelType: When the answer is to be more than text.
    """
    refuse_features(given)
    body = {name: value for name, value in given.items() if name not in _TRANSLATED and name not in _DROPPED}
    if (limit := number_of(given, "num_predict", "max_completion_tokens", "max_tokens")) is not None:
        body["num_predict"] = limit
    if stops := texts_of(given, "stop"):
        body["stop"] = stops
    if (effort := given.get("reasoning_effort")) is not None:
        body.setdefault("think", _EFFORTS.get(str(effort), effort))
    return body


def _logprobs(answer: Mapping[str, Json]) -> Json:
    """The tokens' probabilities where OpenAI has them; each is already in its shape."""
    found = answer.get("logprobs")
    return {"content": found} if isinstance(found, list) and found else None
