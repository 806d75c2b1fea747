"""Reading the events of a streamed chat: https://docs.cohere.com/docs/streaming."""

from collections.abc import Iterator, Mapping

from tenant_llm.dialects.answers import a_text, an_object, objects
from tenant_llm.dialects.cohere.answer import finish_reason, text_and_thought, usage_of
from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.wire import Json, JsonObject


class StreamReader:
    """Turns events into deltas; ``ended`` says that the provider has finished its answer."""

    def __init__(self) -> None:
        self.ended = False
        self._plan = ""
        self._places: dict[str, int] = {}

    def read(self, event: Mapping[str, Json]) -> Iterator[ChatDelta]:
        """The deltas of one event; kinds of events that are yet to come say nothing.

        Raises:
            ProviderUnavailable: When the provider gave up.
        """
        delta = an_object(event.get("delta"))
        message = an_object(delta.get("message"))
        match event.get("type"):
            case "content-start" | "content-delta":
                text, thought = text_and_thought(message.get("content"))
                yield ChatDelta(text=text, reasoning=thought)
            case "tool-plan-delta":
                self._plan += a_text(message.get("tool_plan"))
            case "tool-call-start" | "tool-call-delta":
                yield self._call(str(event.get("index")), an_object(message.get("tool_calls")))
            case "citation-start":
                yield ChatDelta(extra={"citations": objects(message.get("citations"))})
            case "message-end":
                yield from self._end(delta)

    def _call(self, index: str, call: JsonObject) -> ChatDelta:
        function = an_object(call.get("function"))
        place = self._places.setdefault(index, len(self._places))
        arguments = a_text(function.get("arguments"))
        return ChatDelta(tool_calls=(ToolCallDelta(place, call.get("id"), function.get("name"), arguments),))

    def _end(self, delta: JsonObject) -> Iterator[ChatDelta]:
        if self._plan:
            yield ChatDelta(extra={"tool_plan": self._plan})
        reason = finish_reason(delta.get("finish_reason"), delta.get("error"))
        self.ended = self.ended or reason is not None
        yield ChatDelta(finish_reason=reason, usage=usage_of(delta.get("usage")))
