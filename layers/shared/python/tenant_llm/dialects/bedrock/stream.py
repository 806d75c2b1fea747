"""Reading ConverseStream's events.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from json import loads

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.bedrock import words
from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.wire import Json, JsonObject


@dataclass(slots=True)
class _Block:
    """A block under way: how it began, its place among the tool calls, and what has arrived of it."""

    start: JsonObject = field(default_factory=dict)
    call: int | None = None
    input: str = ""
    thought: JsonObject = field(default_factory=dict)
    result: list[Json] = field(default_factory=list)


class StreamReader:
    """Turns events into deltas; ``ended`` says that the provider has finished its answer."""

    def __init__(self) -> None:
        self.ended = False
        self._blocks: dict[str, _Block] = {}
        self._calls = 0

    def read(self, kind: str, data: JsonObject) -> Iterator[ChatDelta]:
        """The deltas of one event; kinds that are yet to come say nothing."""
        match kind:
            case "contentBlockStart":
                yield from self._begin(data)
            case "contentBlockDelta":
                yield from self._go_on(self._block(data), an_object(data.get("delta")))
            case "contentBlockStop":
                yield from _end(self._blocks.pop(_place(data), _Block()))
            case "messageStop":
                self.ended = True
                reason = data.get("stopReason")
                yield ChatDelta(finish_reason=words.finish_reason(reason) or "stop", extra=words.odd_end(reason))
            case "metadata":
                yield ChatDelta(usage=words.usage(data.get("usage")))

    def _block(self, data: JsonObject) -> _Block:
        return self._blocks.setdefault(_place(data), _Block())

    def _begin(self, data: JsonObject) -> Iterator[ChatDelta]:
        block = self._block(data)
        block.start = an_object(data.get("start"))
        if words.is_call(block.start):
            use = block.start["toolUse"]
            block.call = self._calls
            self._calls += 1
            call = ToolCallDelta(block.call, a_text(use.get("toolUseId")), a_text(use.get("name")))
            yield ChatDelta(tool_calls=(call,))

    def _go_on(self, block: _Block, delta: JsonObject) -> Iterator[ChatDelta]:
        if text := a_text(delta.get("text")):
            yield ChatDelta(text=text)
        if thought := an_object(delta.get("reasoningContent")):
            yield from _think(block, thought)
        if citation := delta.get("citation"):
            yield ChatDelta(extra={"citations": [citation]})
        block.result += objects(delta.get("toolResult"))
        if piece := a_text(an_object(delta.get("toolUse")).get("input")):
            block.input += piece
            if block.call is not None:
                yield ChatDelta(tool_calls=(ToolCallDelta(block.call, arguments=piece),))


def _place(data: JsonObject) -> str:
    return str(data.get("contentBlockIndex"))


def _think(block: _Block, thought: JsonObject) -> Iterator[ChatDelta]:
    """Text, signature and redacted content come in deltas of their own; the whole thought is kept for its end."""
    for name in ("text", "signature", "redactedContent"):
        if piece := a_text(thought.get(name)):
            block.thought[name] = block.thought.get(name, "") + piece
    if text := a_text(thought.get("text")):
        yield ChatDelta(reasoning=text)


def _end(block: _Block) -> Iterator[ChatDelta]:
    if block.call is not None:
        if not block.input:  # a call without arguments
            yield ChatDelta(tool_calls=(ToolCallDelta(block.call, arguments="{}"),))
        return
    content: list[JsonObject] = []
    if block.thought:
        redacted = block.thought.get("redactedContent")
        whole = {"redactedContent": redacted} if redacted else {"reasoningText": block.thought}
        content.append({"reasoningContent": whole})
    for kind, value in (("toolUse", {"input": _decoded(block.input)}), ("toolResult", {"content": block.result})):
        if kind in block.start:
            content.append({kind: {**an_object(block.start[kind]), **value}})
    if extra := words.unplaced(content):
        yield ChatDelta(extra=extra)


def _decoded(text: str) -> Json:
    try:
        return loads(text or "{}")
    except (ValueError, RecursionError):
        return text
