"""Chat by Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""

from collections.abc import Iterable, Iterator

from tenant_llm.dialects.bedrock import words
from tenant_llm.dialects.bedrock.messages import system, turns
from tenant_llm.dialects.bedrock.params import parameters
from tenant_llm.dialects.bedrock.place import model_path, post
from tenant_llm.dialects.bedrock.stream import StreamReader
from tenant_llm.dialects.bedrock.tools import tool_config
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.events import decoded
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import ServerEvent, WireRequest, WireResponse


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request as a Converse call, or a ConverseStream one, whose answer is in AWS's binary framing.

    Raises:
        InvalidRequest: When ``n`` is not 1, or a message cannot be said on this wire.
        UnsupportedModelType: When a part is of a kind that this wire does not carry.
        CredentialMissing: When the credential has no region.
    """
    tools = tool_config(request)
    body = {
        "messages": turns(request.messages),
        "system": system(request),
        "toolConfig": tools,
        **parameters(request, target, forced=bool((tools or {}).get("toolChoice", {}).keys() & {"any", "tool"})),
    }
    return post(
        target,
        model_path(target, "converse-stream" if request.stream else "converse"),
        {name: value for name, value in body.items() if value is not None},
        framing="aws" if request.stream else None,
    )


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The answer. ``extra["thinking_blocks"]`` is what the next turn has to carry back.

    Raises:
        MalformedAnswer: When there is no content in it.
        ProviderError: When it is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    output = body.get("output") if isinstance(body, dict) else None
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise MalformedAnswer(f"the provider's answer has no content: {response.content[:200]!r}")
    reason = body.get("stopReason")
    calls = words.tool_calls(content)
    choice = Choice(
        text=words.text(content),
        reasoning=words.reasoning(content),
        tool_calls=calls,
        finish_reason=words.finish_reason(reason) or ("tool_calls" if calls else "stop"),
        extra=words.unplaced(content) | words.odd_end(reason),
    )
    return ChatResult((choice,), words.usage(body.get("usage")))


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When the stream carries an exception.
        ProviderUnavailable: When it ends before the answer does.
        MalformedAnswer: When an event is not a JSON object.
    """
    reader = StreamReader()
    for event in events:
        for data in decoded([event]):
            yield from reader.read(event.event, data)
    if not reader.ended:
        raise ProviderUnavailable("the provider's stream ended early, without a stop reason")
