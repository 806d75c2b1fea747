"""Reading the events of a streamed chat: https://docs.cohere.com/docs/streaming."""

from collections.abc import Iterator, Mapping

from tenant_llm.dialects.cohere.answer import finish_reason, text_and_thought, usage_of
from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.wire import Json, JsonObject


class StreamReader:
    """Turns events into deltas; ``ended`` says that the provider has finished its answer."""

    def __init__(self) -> None:
        self.ended = False
        self._plan = ""
        self._places: dict[Json, int] = {}

    def read(self, event: Mapping[str, Json]) -> Iterator[ChatDelta]:
        """The deltas of one event; kinds of events that are yet to come say nothing.

        Raises:
            ProviderUnavailable: When the provider gave up.
        """
        delta = event.get("delta") or {}
        message = delta.get("message") or {}
        match event.get("type"):
            case "content-start" | "content-delta":
                text, thought = text_and_thought(message.get("content"))
                yield ChatDelta(text=text, reasoning=thought)
            case "tool-plan-delta":
                self._plan += message.get("tool_plan") or ""
            case "tool-call-start" | "tool-call-delta":
                yield self._call(event.get("index"), message.get("tool_calls") or {})
            case "citation-start":
                yield ChatDelta(extra={"citations": [message.get("citations")]})
            case "message-end":
                yield from self._end(delta)

    def _call(self, index: Json, call: JsonObject) -> ChatDelta:
        function = call.get("function") or {}
        place = self._places.setdefault(index, len(self._places))
        arguments = function.get("arguments") or ""
        return ChatDelta(tool_calls=(ToolCallDelta(place, call.get("id"), function.get("name"), arguments),))

    def _end(self, delta: JsonObject) -> Iterator[ChatDelta]:
        if self._plan:
            yield ChatDelta(extra={"tool_plan": self._plan})
        reason = finish_reason(delta.get("finish_reason"), delta.get("error"))
        self.ended = self.ended or reason is not None
        yield ChatDelta(finish_reason=reason, usage=usage_of(delta.get("usage")))
