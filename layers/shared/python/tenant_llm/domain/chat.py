"""Chat: messages in, text, reasoning and tool calls out.

Messages, tools and ``response_format`` are in OpenAI's Chat Completions shape throughout
(https://platform.openai.com/docs/api-reference/chat/create); a dialect with another wire translates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One turn to answer.

    ``params`` holds everything else of the caller's body by OpenAI's names (``temperature``, ``max_tokens``,
    ``stop``, ``seed``, ``reasoning_effort`` …) and whatever fields OpenAI does not know, which go to the provider as
    they are.
    """

    messages: Sequence[JsonObject] = field(repr=False)
    tools: Sequence[JsonObject] = ()
    tool_choice: Json = None
    response_format: JsonObject | None = None
    params: Mapping[str, Json] = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model wants made; ``arguments`` is JSON text, as the model wrote it.

    ``extra`` carries what the provider wants back with the result (for example a thought signature).
    """

    id: str
    name: str
    arguments: str
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. ``finish_reason`` is OpenAI's: ``stop``, ``length``, ``tool_calls``, ``content_filter``.

    ``extra`` holds further fields of the provider's message (``refusal``, ``annotations``, ``audio``,
    ``thinking_blocks`` …).
    """

    text: str = field(default="", repr=False)
    reasoning: str = field(default="", repr=False)
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    logprobs: Json = None
    extra: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ChatResult:
    """The whole answer; ``usage`` is ``None`` until somebody has reported or estimated it."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    model: str = ""

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text

    @property
    def reasoning(self) -> str:
        """The first choice's reasoning."""
        return self.choices[0].reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The first choice's tool calls."""
        return self.choices[0].tool_calls

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended."""
        return self.choices[0].finish_reason


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the tool call at ``index``; ``id`` and ``name`` come once, ``arguments`` in pieces."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a streamed answer, for the choice at ``index``.

    ``usage`` is cumulative: the last one that a stream carries is the call's.
    """

    text: str = field(default="", repr=False)
    reasoning: str = field(default="", repr=False)
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    index: int = 0
    logprobs: Json = None
    extra: Mapping[str, Json] = field(default_factory=dict, repr=False)


_JOINED = ("refusal", "data", "transcript")


def fold(deltas: Iterable[ChatDelta]) -> ChatResult:
    """The whole answer that a stream's deltas add up to.

    Texts and arguments are joined, choices sorted by their index, the last usage and model name win. In ``extra`` and
    ``logprobs`` lists are joined and objects merged, what OpenAI streams in pieces (a refusal, audio and its
    transcript) is joined too, and other values are replaced. There is always one choice, so that a stream cut before
    its first delta folds too.
    """
    pieces: dict[int, list[ChatDelta]] = {}
    usage: Usage | None = None
    model = ""
    for delta in deltas:
        if delta != _bare(delta):
            pieces.setdefault(delta.index, []).append(delta)
        usage = delta.usage or usage
        model = delta.model or model
    choices = tuple(_choice(pieces[index]) for index in sorted(pieces))
    return ChatResult(choices or (Choice(),), usage, model)


def unfold(result: ChatResult) -> Iterator[ChatDelta]:
    """A whole answer as the deltas of a stream, one a choice, then the usage."""
    for index, choice in enumerate(result.choices):
        calls = (
            ToolCallDelta(place, call.id, call.name, call.arguments, call.extra)
            for place, call in enumerate(choice.tool_calls)
        )
        yield ChatDelta(
            text=choice.text,
            reasoning=choice.reasoning,
            tool_calls=tuple(calls),
            finish_reason=choice.finish_reason,
            model=result.model,
            index=index,
            logprobs=choice.logprobs,
            extra=choice.extra,
        )
    yield ChatDelta(usage=result.usage, model=result.model)


def _bare(delta: ChatDelta) -> ChatDelta:
    """What a delta would be that says nothing about its choice."""
    return ChatDelta(index=delta.index, usage=delta.usage, model=delta.model)


def _choice(deltas: Sequence[ChatDelta]) -> Choice:
    calls: dict[int, list[ToolCallDelta]] = {}
    logprobs: Json = None
    extra: Json = {}
    for delta in deltas:
        for call in delta.tool_calls:
            calls.setdefault(call.index, []).append(call)
        logprobs = _merged(logprobs, delta.logprobs)
        extra = _merged(extra, delta.extra)
    return Choice(
        text="".join(delta.text for delta in deltas),
        reasoning="".join(delta.reasoning for delta in deltas),
        tool_calls=tuple(_tool_call(calls[index]) for index in sorted(calls)),
        finish_reason=next((delta.finish_reason for delta in reversed(deltas) if delta.finish_reason), "stop"),
        logprobs=logprobs,
        extra=extra,
    )


def _tool_call(deltas: Sequence[ToolCallDelta]) -> ToolCall:
    extra: dict[str, Json] = {}
    for delta in deltas:
        extra |= delta.extra
    return ToolCall(
        id=next((delta.id for delta in deltas if delta.id), ""),
        name=next((delta.name for delta in deltas if delta.name), ""),
        arguments="".join(delta.arguments for delta in deltas),
        extra=extra,
    )


def _merged(old: Json, new: Json, *, joined: bool = False) -> Json:
    if old is None or new is None:
        return old if new is None else new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {key: _merged(old.get(key), new.get(key), joined=key in _JOINED) for key in {**old, **new}}
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    return old + new if joined and isinstance(old, str) and isinstance(new, str) else new
