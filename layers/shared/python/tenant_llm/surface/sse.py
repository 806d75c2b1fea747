"""A streamed chat as server-sent events: https://platform.openai.com/docs/api-reference/chat-streaming."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from time import time
from typing import Protocol

from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.http import write_json
from tenant_llm.surface.openai_chat import completion_id, render_usage

CONTENT_TYPE = "text/event-stream"
DONE = "data: [DONE]\n\n"


class Deltas[Delta](Iterator[Delta], Protocol):
    """A stream that can be hung up on."""

    def close(self) -> None:
        """Stop; what was delivered is settled."""


def frames(deltas: Deltas[ChatDelta], *, include_usage: bool = False) -> Generator[str]:
    """The frames of an answer, one event each: every choice's role first, its pieces, its finish; ``[DONE]`` last.

    The chunk of usage comes only when it was asked for. A stream that fails ends with an error object in place of
    ``[DONE]``, since its status has long been sent. Closing this generator hangs up on the deltas.
    """
    chunks = _Chunks(include_usage=include_usage)
    usage: Usage | None = None
    with closing(deltas):
        try:
            for delta in deltas:
                usage = delta.usage or usage
                yield from chunks.of(delta)
        except TenantLLMError as error:
            yield frame(error.envelope())
            return
    yield from chunks.ends()
    if include_usage and usage is not None:
        yield frame(chunks.chunk([], render_usage(usage)))
    yield DONE


def encoded(deltas: Deltas[ChatDelta], *, include_usage: bool = False) -> Generator[bytes]:
    """The frames as bytes."""
    with closing(frames(deltas, include_usage=include_usage)) as texts:
        for text in texts:
            yield text.encode()


class _Chunks:
    """Chunks of one answer: they share an id, and every choice is opened and finished once."""

    def __init__(self, *, include_usage: bool) -> None:
        self._fields = {"id": completion_id(), "object": "chat.completion.chunk", "created": int(time()), "model": ""}
        self._include_usage = include_usage
        self._open: dict[int, str] = {}  # choice → the finish reason in case none comes
        self._seen: set[int] = set()

    def of(self, delta: ChatDelta) -> Iterator[str]:
        """The frames of one delta; none for a delta that only carries the usage."""
        self._fields["model"] = delta.model or self._fields["model"]
        pieces = _pieces(delta)
        if not pieces and delta.finish_reason is None and delta.logprobs is None:
            return
        yield from self._begin(delta.index)
        if delta.tool_calls and delta.index in self._open:
            self._open[delta.index] = "tool_calls"
        if delta.finish_reason is not None:
            self._open.pop(delta.index, None)
        yield self._choice(delta.index, pieces, delta.finish_reason, delta.logprobs)

    def ends(self) -> Iterator[str]:
        """The frames that close what is still open, as after an answer without a word."""
        if not self._seen:
            yield from self._begin(0)
        for index, reason in sorted(self._open.items()):
            yield self._choice(index, {}, reason)

    def chunk(self, choices: list[JsonObject], usage: JsonObject | None = None) -> JsonObject:
        """A chunk; it has a ``usage``, mostly ``null``, only in streams that end with one."""
        chunk = {**self._fields, "choices": choices}
        return {**chunk, "usage": usage} if self._include_usage else chunk

    def _begin(self, index: int) -> Iterator[str]:
        if index not in self._seen:
            self._seen.add(index)
            self._open[index] = "stop"
            yield self._choice(index, {"role": "assistant", "content": ""}, None)

    def _choice(self, index: int, delta: Mapping[str, Json], finish_reason: str | None, logprobs: Json = None) -> str:
        choice = {"index": index, "delta": dict(delta), "logprobs": logprobs, "finish_reason": finish_reason}
        return frame(self.chunk([choice]))


def _pieces(delta: ChatDelta) -> JsonObject:
    pieces: JsonObject = dict(delta.extra)
    if delta.text:
        pieces["content"] = delta.text
    if delta.reasoning:
        pieces["reasoning_content"] = delta.reasoning
    if delta.tool_calls:
        pieces["tool_calls"] = [_tool_call(call) for call in delta.tool_calls]
    return pieces


def _tool_call(call: ToolCallDelta) -> JsonObject:
    function = {"arguments": call.arguments} if call.name is None else {"name": call.name, "arguments": call.arguments}
    piece: JsonObject = {**call.extra, "index": call.index, "function": function}
    return piece if call.id is None else {**piece, "id": call.id, "type": "function"}


def frame(value: JsonObject) -> str:
    """One event."""
    return f"data: {write_json(value)}\n\n"
