"""What content blocks, stop reasons and counts mean, for whole and for streamed answers.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from collections.abc import Iterator, Mapping, Sequence
from json import dumps

from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.domain.chat import ToolCall
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_PLACED = {"text", "reasoningContent", "toolUse", "citationsContent"}


def finish_reason(said: Json) -> str | None:
    """OpenAI's word for why an answer ended; ``None`` while it has not."""
    return _FINISH.get(str(said), "stop") if said else None


def odd_end(said: Json) -> JsonObject:
    """Ends that OpenAI has no word for: what the model wrote was no well-formed answer or call."""
    return {"stop_reason": said} if str(said).startswith("malformed_") else {}


def text(content: Sequence[JsonObject]) -> str:
    """The texts of an answer, those with citations too."""
    return "".join(_texts(content))


def reasoning(content: Sequence[JsonObject]) -> str:
    """The thoughts that may be read."""
    return "".join(a_text(thought.get("thinking")) for thought in map(thinking_block, content) if thought)


def tool_calls(content: Sequence[JsonObject]) -> tuple[ToolCall, ...]:
    """The calls that the caller has to make."""
    uses = [block["toolUse"] for block in content if is_call(block)]
    return tuple(ToolCall(a_text(use.get("toolUseId")), a_text(use.get("name")), arguments(use)) for use in uses)


def arguments(use: Mapping[str, Json]) -> str:
    """A call's input as JSON text."""
    return dumps(use.get("input") or {}, ensure_ascii=False)


def is_call(block: Mapping[str, Json]) -> bool:
    """Whether a block is a call for the caller to make, not one of a tool that the provider runs itself."""
    use = block.get("toolUse")
    return isinstance(use, dict) and use.get("type") != "server_tool_use"


def thinking_block(block: Mapping[str, Json]) -> JsonObject | None:
    """A thought in the shape that callers keep: ``thinking`` with its ``signature``, or ``redacted_thinking``."""
    thought = block.get("reasoningContent")
    if not isinstance(thought, dict):
        return None
    if thought.get("redactedContent"):
        return {"type": "redacted_thinking", "data": thought["redactedContent"]}
    told = an_object(thought.get("reasoningText"))
    return {"type": "thinking", "thinking": a_text(told.get("text")), **_signature(told)}


def is_to_be_sent_back(thought: Mapping[str, Json]) -> bool:
    """Whether the provider can check a thought; it refuses others in the next turn."""
    return "signature" in thought or "data" in thought


def unplaced(content: Sequence[JsonObject]) -> JsonObject:
    """What has no place of its own: thoughts to be sent back, citations, and blocks of other kinds."""
    thoughts = [thought for thought in map(thinking_block, content) if thought and is_to_be_sent_back(thought)]
    cited = [an_object(block.get("citationsContent")) for block in content]
    citations = [citation for told in cited if "citations" in told for citation in objects(told["citations"])]
    others = [block for block in content if not block.keys() & _PLACED or ("toolUse" in block and not is_call(block))]
    found = {"thinking_blocks": thoughts, "citations": citations, "content_blocks": others}
    return {name: value for name, value in found.items() if value}


def usage(counts: Json) -> Usage | None:
    """Token counts. What went into the cache or came from it is counted beside the input, and in the total.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    told = an_object(counts)
    asked = a_count(told.get("inputTokens"))
    if asked is None:
        return None
    read, written = a_count(told.get("cacheReadInputTokens")) or 0, a_count(told.get("cacheWriteInputTokens")) or 0
    return Usage(
        input_tokens=asked + read + written,
        output_tokens=a_count(told.get("outputTokens")) or 0,
        cached_tokens=read,
        cache_write_tokens=written,
    )


def _texts(content: Sequence[JsonObject]) -> Iterator[str]:
    for block in content:
        yield a_text(block.get("text"))
        for piece in objects(an_object(block.get("citationsContent")).get("content")):
            yield a_text(piece.get("text"))


def _signature(told: Mapping[str, Json]) -> JsonObject:
    return {"signature": told["signature"]} if told.get("signature") else {}
