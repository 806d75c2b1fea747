"""Chat Completions: https://platform.openai.com/docs/api-reference/chat/create."""

from collections.abc import Iterable, Iterator
from json import JSONDecodeError, loads

from tenant_llm.dialects import thinking
from tenant_llm.dialects.answers import a_count, a_text, an_object
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.calls import made_up_id
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai import message as wire
from tenant_llm.dialects.openai.stream import StreamReader
from tenant_llm.dialects.openai.usage import chat_usage
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice, ToolCall
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, ServerEvent, WireRequest, WireResponse

PATH = "chat/completions"
_DONE = "[DONE]"


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request as it is: messages, tools and fields this service does not know go to the provider untouched.

    A stream is always asked for its usage; a provider that refuses the question drops ``stream_options`` by a quirk.
    """
    body: JsonObject = {
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "messages": list(request.messages),
        "tools": list(request.tools) or None,
        "tool_choice": request.tool_choice,
        "response_format": request.response_format,
        "stream": request.stream,
        "stream_options": None,
    }
    if request.stream:
        body["stream_options"] = {**(request.params.get("stream_options") or {}), "include_usage": True}
    return post_json(target, PATH, body, framing="sse" if request.stream else None)


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The answer, with every choice.

    Raises:
        MalformedAnswer: When there is no choice in it.
        ProviderError: When it is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise MalformedAnswer(f"the provider's answer has no choices: {response.content[:200]!r}")
    for choice in choices:
        wire.refuse_failed(choice)
    ordered = sorted(enumerate(choices), key=_index)
    usage = body.get("usage") or choices[0].get("usage")
    return ChatResult(
        choices=tuple(_choice(choice, body, position) for position, choice in ordered),
        usage=chat_usage(usage),
        model=a_text(body.get("model")),
    )


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When the stream carries an error object.
        ProviderUnavailable: When it ends before the answer does.
        MalformedAnswer: When an event is not JSON.
    """
    reader = StreamReader()
    for event in events:
        if event.data.strip() == _DONE:
            reader.ended = True
            break
        if event.data.strip():
            yield from reader.read(_chunk(event))
    yield from reader.finish()
    if not reader.ended:
        raise ProviderUnavailable("the provider's stream ended early, without a finish reason")


def _chunk(event: ServerEvent) -> Json:
    try:
        return loads(event.data)
    except JSONDecodeError as error:
        raise MalformedAnswer(f"an event of the provider's stream is not JSON: {event.data[:200]!r}") from error


def _index(placed: tuple[int, JsonObject]) -> int:
    """The choice's own index, else its place in the answer."""
    place, choice = placed
    index = a_count(choice.get("index"))
    return place if index is None else index


def _choice(choice: JsonObject, body: JsonObject, position: int) -> Choice:
    message = an_object(choice.get("message"))
    text, reasoning = wire.text_and_reasoning(message)
    if not reasoning:
        text, reasoning = thinking.split(text)
    calls = tuple(
        _tool_call(call, made_up_id(str(body.get("id")), position, index))
        for index, call in enumerate(wire.calls(message))
    )
    return Choice(
        text=text,
        reasoning=reasoning,
        tool_calls=calls,
        finish_reason=wire.finish_reason(choice.get("finish_reason")) or ("tool_calls" if calls else "stop"),
        logprobs=choice.get("logprobs"),
        extra=wire.unplaced(message) | wire.sources(body),
    )


def _tool_call(call: JsonObject, spare_id: str) -> ToolCall:
    name, arguments = wire.function_of(call)
    return ToolCall(a_text(call.get("id")) or spare_id, name, arguments or "{}", wire.call_extra(call))
