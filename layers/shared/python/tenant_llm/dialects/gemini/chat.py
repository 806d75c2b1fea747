"""Chat: https://ai.google.dev/api/generate-content."""

from collections.abc import Iterable, Iterator

from tenant_llm.dialects.answers import a_text
from tenant_llm.dialects.body import post_json
from tenant_llm.dialects.content import system_text
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.events import decoded
from tenant_llm.dialects.gemini.answer import candidates, piece, usage_of
from tenant_llm.dialects.gemini.contents import contents
from tenant_llm.dialects.gemini.params import parameters, thinks_by_level
from tenant_llm.dialects.gemini.place import KEY, configured, path, with_settings
from tenant_llm.dialects.gemini.stream import StreamReader
from tenant_llm.dialects.gemini.tools import tool_config, tools
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, Choice
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import JsonObject, ServerEvent, WireRequest, WireResponse

STREAM = "streamGenerateContent?alt=sse"
WHOLE = "generateContent"


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request as one call of a model's method. The base URL may end in the API's version or before it.

    Raises:
        InvalidRequest: When a message or a field cannot be said on this wire; ``param`` names it.
    """
    place = path(target, STREAM if request.stream else WHOLE)
    content = body(request, target.config.quirks)
    target = with_settings(target, request.params.get("generationConfig") or ())
    return configured(post_json(target, place, content, key=KEY, framing="sse" if request.stream else None))


def body(request: ChatRequest, quirks: Quirks) -> JsonObject:
    """All of a body, its settings beside the rest, to be nested by ``with_settings``."""
    system = system_text(request.messages)
    return {
        **parameters(request, quirks),
        "contents": contents(request.messages, signed=thinks_by_level(quirks)),
        "systemInstruction": {"parts": [{"text": system}]} if system else None,
        "tools": tools(request),
        "toolConfig": tool_config(request),
    }


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:  # noqa: ARG001
    """The answer, with every candidate. Signatures of thoughts are in ``extra``, to be sent back with their calls.

    Raises:
        MalformedAnswer: When there is no candidate in it.
        ContentFiltered: When the prompt was blocked.
        ProviderError: When it is an error object.
    """
    answer = response.json()
    refuse_error_object(answer, response.headers)
    found = candidates(answer) if isinstance(answer, dict) else []
    if not found:
        raise MalformedAnswer(f"the provider's answer has no candidates: {response.content[:200]!r}")
    return ChatResult(
        choices=tuple(_choice(candidate, answer, index) for index, candidate in enumerate(found)),
        usage=usage_of(answer.get("usageMetadata")),
        model=a_text(answer.get("modelVersion")),
    )


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:  # noqa: ARG001
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When the stream carries an error object, or the prompt was blocked.
        ProviderUnavailable: When it ends before the answer does.
        MalformedAnswer: When an event is not a JSON object.
    """
    reader = StreamReader()
    for chunk in decoded(events):
        yield from reader.read(chunk)
    if not reader.ended:
        raise ProviderUnavailable("the provider's stream ended early, without a finish reason")


def _choice(candidate: JsonObject, answer: JsonObject, index: int) -> Choice:
    said = piece(candidate, answer, index)
    return Choice(
        text=said.text,
        reasoning=said.reasoning,
        tool_calls=said.tool_calls,
        finish_reason=said.finish_reason or ("tool_calls" if said.tool_calls else "stop"),
        logprobs=said.logprobs,
        extra=said.extra,
    )
