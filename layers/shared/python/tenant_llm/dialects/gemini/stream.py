"""Reading the chunks of a streamed answer: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent."""

from collections.abc import Iterator
from dataclasses import replace

from tenant_llm.dialects.answers import a_count, a_text
from tenant_llm.dialects.gemini.answer import candidates, piece, usage_of
from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.wire import JsonObject


class StreamReader:
    """Turns chunks into deltas; ``ended`` says that the provider has finished its answer."""

    def __init__(self) -> None:
        self.ended = False
        self._calls: dict[int, int] = {}
        self._counted = False

    def read(self, chunk: JsonObject) -> Iterator[ChatDelta]:
        """The deltas of one chunk; its usage, which is of all so far, stands on the last of them.

        Usage without the prompt's does not come after one with it.

        Raises:
            ContentFiltered: When the prompt was blocked.
        """
        model = a_text(chunk.get("modelVersion"))
        deltas = [self._delta(candidate, chunk) for candidate in candidates(chunk)]
        deltas = [delta for delta in deltas if delta != ChatDelta(index=delta.index)]
        usage = usage_of(chunk.get("usageMetadata"))
        if usage is not None and not (usage.estimated and self._counted):
            self._counted = not usage.estimated
            last = deltas.pop() if deltas else ChatDelta()
            deltas.append(replace(last, usage=usage))
        for delta in deltas:
            yield replace(delta, model=model)

    def _delta(self, candidate: JsonObject, chunk: JsonObject) -> ChatDelta:
        index = a_count(candidate.get("index")) or 0
        begun = self._calls.get(index, 0)
        said = piece(candidate, chunk, index, begun)
        self._calls[index] = begun + len(said.tool_calls)
        self.ended = self.ended or said.finish_reason is not None
        return ChatDelta(
            text=said.text,
            reasoning=said.reasoning,
            tool_calls=tuple(
                ToolCallDelta(begun + place, call.id, call.name, call.arguments, call.extra)
                for place, call in enumerate(said.tool_calls)
            ),
            finish_reason=said.finish_reason,
            index=index,
            logprobs=said.logprobs,
            extra=said.extra,
        )
