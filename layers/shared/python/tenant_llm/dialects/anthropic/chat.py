"""Messages: https://platform.claude.com/docs/en/api/messages/create."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from json import dumps

from tenant_llm.dialects.answers import a_text
from tenant_llm.dialects.anthropic import params
from tenant_llm.dialects.anthropic.conversation import system, turns
from tenant_llm.dialects.anthropic.stream import StreamReader
from tenant_llm.dialects.anthropic.tools import is_forced, tool_choice, tools
from tenant_llm.dialects.anthropic.usage import counts, usage_of
from tenant_llm.dialects.anthropic.words import THOUGHTS, finish_reason, unplaced
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.events import decoded
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice, ToolCall
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import HeaderKey, Json, JsonObject, ServerEvent, WireRequest, WireResponse

VERSION = "2023-06-01"
"""https://platform.claude.com/docs/en/api/versioning"""

_JSON_ONLY = "Answer with one valid JSON object and nothing else: no prose before or after it, no code fence."


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request as a Messages call. The base URL may end in ``/v1`` or before it.

    Raises:
        InvalidRequest: When ``n`` is not 1, or a message cannot be said on this wire.
        UnsupportedModelType: When a message holds audio, or a file of a kind that is not read.
    """
    path = "messages" if target.config.base_url.rstrip("/").endswith("/v1") else "v1/messages"
    wire = post_json(
        target,
        path,
        {"model": wire_model(target.config.wire_name, target.config.quirks), **body(request, target)},
        key=HeaderKey("x-api-key"),
        framing="sse" if request.stream else None,
    )
    return replace(wire, headers={"anthropic-version": VERSION, **wire.headers})


def body(request: ChatRequest, target: Target) -> JsonObject:
    """All of a Messages body but the model, which other clouds put elsewhere.

    The wire has no JSON mode without a schema, so ``json_object`` is an instruction here.
    """
    quirks = target.config.quirks
    choice = tool_choice(request)
    result: JsonObject = {
        **params.parameters(request, quirks),
        "messages": turns(request.messages),
        "system": _system(request),
        "tools": tools(request.tools) or None,
        "tool_choice": choice,
        "output_config": params.output_config(request, quirks),
        "stream": request.stream,
    }
    if thought := params.thinking(request, quirks, forced=is_forced(choice)):
        result["thinking"] = thought
        if thought["type"] != "disabled":  # Thinking takes no other sampling, and effort was what the caller asked for.
            result |= {"temperature": None, "top_k": None}
    return result


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The answer. Its thinking is ``reasoning``; ``extra["thinking_blocks"]`` is what the next turn has to carry back.

    Raises:
        MalformedAnswer: When there is no content in it.
        ProviderError: When it is an error object.
    """
    answer = response.json()
    refuse_error_object(answer, response.headers)
    content = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise MalformedAnswer(f"the provider's answer has no content: {response.content[:200]!r}")
    return ChatResult(
        choices=(_choice(content, answer),),
        usage=usage_of(counts(answer.get("usage"))),
        model=a_text(answer.get("model")),
    )


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When the stream carries an error event.
        ProviderUnavailable: When it ends before the answer does.
        MalformedAnswer: When an event is not a JSON object.
    """
    reader = StreamReader()
    for event in decoded(events):
        for delta in reader.read(event):
            if delta != ChatDelta():
                yield delta
    if not reader.ended:
        raise ProviderUnavailable("the provider's stream ended early, without a stop reason")


def _system(request: ChatRequest) -> str | list[JsonObject] | None:
    said = system(request.messages)
    if (request.response_format or {}).get("type") != "json_object":
        return said
    if isinstance(said, list):
        return [*said, {"type": "text", "text": _JSON_ONLY}]
    return f"{said}\n\n{_JSON_ONLY}" if said else _JSON_ONLY


def _choice(content: list[JsonObject], answer: Mapping[str, Json]) -> Choice:
    thoughts = [block for block in content if block.get("type") in THOUGHTS]
    calls = tuple(_tool_call(block) for block in content if block.get("type") == "tool_use")
    return Choice(
        text="".join(a_text(block.get("text")) for block in content if block.get("type") == "text"),
        reasoning="".join(a_text(block.get("thinking")) for block in thoughts),
        tool_calls=calls,
        finish_reason=finish_reason(answer.get("stop_reason")) or ("tool_calls" if calls else "stop"),
        extra=({"thinking_blocks": thoughts} if thoughts else {}) | unplaced(content),
    )


def _tool_call(block: Mapping[str, Json]) -> ToolCall:
    arguments = dumps(block.get("input") or {}, ensure_ascii=False)
    return ToolCall(a_text(block.get("id")), a_text(block.get("name")), arguments)
