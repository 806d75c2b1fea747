"""Reading the events of a streamed message: https://platform.claude.com/docs/en/build-with-claude/streaming."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError, dumps, loads

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.anthropic.usage import counts, usage_of
from tenant_llm.dialects.anthropic.words import THOUGHTS, finish_reason, unplaced
from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject


@dataclass(slots=True)
class _Block:
    """A block under way: what is known of it, its place among the tool calls, its input as it arrives."""

    content: JsonObject
    call: int | None = None
    input: str = ""


class StreamReader:
    """Turns events into deltas; ``ended`` says that the provider has finished its answer."""

    def __init__(self) -> None:
        self.ended = False
        self._blocks: dict[str, _Block] = {}
        self._calls = 0
        self._counts: dict[str, int] = {}

    def read(self, event: Mapping[str, Json]) -> Iterator[ChatDelta]:
        """The deltas of one event; pings, and kinds of events that are yet to come, say nothing."""
        match event.get("type"):
            case "message_start":
                message = an_object(event.get("message"))
                yield ChatDelta(usage=self._count(message.get("usage")), model=a_text(message.get("model")))
            case "content_block_start":
                yield from self._begin(event)
            case "content_block_delta":
                yield from self._go_on(event)
            case "content_block_stop":
                yield from self._end(event)
            case "message_delta":
                reason = finish_reason(an_object(event.get("delta")).get("stop_reason"))
                self.ended = self.ended or reason is not None
                yield ChatDelta(finish_reason=reason, usage=self._count(event.get("usage")))
            case "message_stop":
                self.ended = True

    def _count(self, usage: Json) -> Usage | None:
        """Counts are cumulative, but not every event repeats each of them."""
        for name, count in counts(usage).items():
            self._counts[name] = max(count, self._counts.get(name, 0))
        return usage_of(self._counts)

    def _begin(self, event: Mapping[str, Json]) -> Iterator[ChatDelta]:
        content = dict(an_object(event.get("content_block")))
        block = self._blocks[str(event.get("index"))] = _Block(content)
        match content.get("type"):
            case "tool_use":
                block.call = self._calls
                self._calls += 1
                id_, name = a_text(content.get("id")), a_text(content.get("name"))
                yield ChatDelta(tool_calls=(ToolCallDelta(block.call, id_, name),))
            case "text":
                yield ChatDelta(text=a_text(content.get("text")))
            case "thinking":
                yield ChatDelta(reasoning=a_text(content.get("thinking")))

    def _go_on(self, event: Mapping[str, Json]) -> Iterator[ChatDelta]:
        block = self._blocks.setdefault(str(event.get("index")), _Block({}))
        delta = an_object(event.get("delta"))
        match delta.get("type"):
            case "text_delta":
                yield ChatDelta(text=a_text(delta.get("text")))
            case "thinking_delta":
                _append(block.content, "thinking", delta)
                yield ChatDelta(reasoning=a_text(delta.get("thinking")))
            case "signature_delta":
                _append(block.content, "signature", delta)
            case "citations_delta":
                block.content["citations"] = [*objects(block.content.get("citations")), *objects(delta.get("citation"))]
            case "input_json_delta":
                piece = a_text(delta.get("partial_json"))
                block.input += piece
                if block.call is not None and piece:
                    yield ChatDelta(tool_calls=(ToolCallDelta(block.call, arguments=piece),))

    def _end(self, event: Mapping[str, Json]) -> Iterator[ChatDelta]:
        block = self._blocks.pop(str(event.get("index")), _Block({}))
        if block.call is not None:
            if not block.input:  # A call without arguments, or with all of them at its start.
                arguments = dumps(block.content.get("input") or {}, ensure_ascii=False)
                yield ChatDelta(tool_calls=(ToolCallDelta(block.call, arguments=arguments),))
        elif block.content.get("type") in THOUGHTS:
            yield ChatDelta(extra={"thinking_blocks": [block.content]})
        elif extra := unplaced([_with_input(block)]):
            yield ChatDelta(extra=extra)


def _append(content: JsonObject, name: str, delta: Mapping[str, Json]) -> None:
    content[name] = a_text(content.get(name)) + a_text(delta.get(name))


def _with_input(block: _Block) -> JsonObject:
    """A block of a tool that the provider ran itself, with the input that came in pieces."""
    if not block.input:
        return block.content
    try:
        return {**block.content, "input": loads(block.input)}
    except JSONDecodeError:
        return {**block.content, "input": block.input}
