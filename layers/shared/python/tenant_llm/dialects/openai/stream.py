"""Reading the chunks of a streamed chat: what one chunk says depends on those before it.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.dialects.calls import made_up_id
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai import message as wire
from tenant_llm.dialects.openai.usage import chat_usage
from tenant_llm.dialects.thinking import ThinkSplitter
from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject


@dataclass(slots=True)
class _Choice:
    """What is known of one choice so far: its call ids by our index, our index by the provider's, the splitter."""

    index: int
    ids: list[str] = field(default_factory=list)
    places: dict[int | None, int] = field(default_factory=dict)
    splitter: ThinkSplitter = field(default_factory=ThinkSplitter)
    ended: bool = False


class StreamReader:
    """Turns chunks into deltas; ``ended`` says that the provider has finished its answer."""

    def __init__(self) -> None:
        self.ended = False
        self._choices: dict[int, _Choice] = {}

    def read(self, chunk: Json) -> Iterator[ChatDelta]:
        """The deltas of one chunk; its usage stands on the last of them.

        Raises:
            ProviderError: When the chunk is an error object.
            MalformedAnswer: When it is no object at all.
        """
        if not isinstance(chunk, dict):
            raise MalformedAnswer(f"an event of the provider's stream is no object: {str(chunk)[:200]!r}")
        _refuse_errors(chunk)
        deltas = [self._delta(piece, chunk) for piece in _choices(chunk)]
        deltas = [delta for delta in deltas if delta != ChatDelta(index=delta.index)]
        if (usage := _usage(chunk)) is not None:
            last = deltas.pop() if deltas else ChatDelta()
            deltas.append(replace(last, usage=usage))
        for delta in deltas:
            yield replace(delta, model=a_text(chunk.get("model")))

    def finish(self) -> Iterator[ChatDelta]:
        """What was held back until it was clear that no more comes."""
        for index, choice in self._choices.items():
            text, reasoning = choice.splitter.finish()
            if text or reasoning:
                yield ChatDelta(text, reasoning, index=index)

    def _delta(self, piece: JsonObject, chunk: JsonObject) -> ChatDelta:
        index = a_count(piece.get("index")) or 0
        choice = self._choices.setdefault(index, _Choice(index))
        # A provider that does not stream after all answers with one chunk that holds the whole message.
        message = an_object(piece.get("delta") or (piece.get("message") if "delta" not in piece else None))
        finish_reason = wire.finish_reason(piece.get("finish_reason"))
        text, reasoning = _split(message, choice, last=finish_reason is not None)
        told = wire.sources(chunk) if finish_reason and not choice.ended else {}
        choice.ended = choice.ended or finish_reason is not None
        self.ended = self.ended or choice.ended
        return ChatDelta(
            text=text,
            reasoning=reasoning,
            tool_calls=tuple(_call(call, choice, str(chunk.get("id"))) for call in wire.calls(message)),
            finish_reason=finish_reason,
            index=index,
            logprobs=piece.get("logprobs"),
            extra=wire.unplaced(message) | told,
        )


def _split(message: Mapping[str, Json], choice: _Choice, *, last: bool) -> tuple[str, str]:
    text, reasoning = wire.text_and_reasoning(message)
    if reasoning:
        choice.splitter.off()
    text, thought = choice.splitter.feed(text)
    if last:
        rest, more = choice.splitter.finish()
        text, thought = text + rest, thought + more
    return text, reasoning + thought


def _call(call: JsonObject, choice: _Choice, answer: str) -> ToolCallDelta:
    """A fragment in its place. A new call begins where a name comes with an id that this place does not have yet.

    Some providers leave the index out, and some give every call of a turn the index 0.
    """
    name, arguments = wire.function_of(call)
    id_, place = a_text(call.get("id")), a_count(call.get("index"))
    known = choice.places.get(place)
    if known is not None and not (name and id_ and id_ != choice.ids[known]):
        return ToolCallDelta(known, arguments=arguments, extra=wire.call_extra(call))
    index = choice.places[place] = len(choice.ids)
    choice.ids.append(id_ or made_up_id(answer, choice.index, index))
    return ToolCallDelta(index, choice.ids[index], name, arguments, wire.call_extra(call))


def _refuse_errors(chunk: JsonObject) -> None:
    refuse_error_object(chunk, {})
    for piece in (*_choices(chunk), *_extensions(chunk)):
        wire.refuse_failed(piece)


def _usage(chunk: JsonObject) -> Usage | None:
    """The chunk's usage, which some put into an extension object and some into the choice."""
    places = (chunk, *_extensions(chunk), *_choices(chunk))
    return next((usage for place in places if (usage := chat_usage(place.get("usage"))) is not None), None)


def _choices(chunk: JsonObject) -> list[JsonObject]:
    return objects(chunk.get("choices"))


def _extensions(chunk: JsonObject) -> list[JsonObject]:
    """Objects of a provider's own beside OpenAI's fields, named ``x_…``."""
    return [value for name, value in chunk.items() if name.startswith("x_") and isinstance(value, dict)]
