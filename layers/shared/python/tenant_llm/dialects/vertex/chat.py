"""Chat with the provider's own models, and with those of another publisher, each on its maker's wire.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference,
https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tenant_llm.dialects.anthropic import chat as anthropic
from tenant_llm.dialects.contract import ChatDialect
from tenant_llm.dialects.gemini import chat as gemini
from tenant_llm.dialects.gemini.place import configured, with_settings
from tenant_llm.dialects.vertex.place import model_of, post
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult
from tenant_llm.domain.errors import UnsupportedModelType
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import ServerEvent, WireRequest, WireResponse

_ANTHROPIC_VERSION = "vertex-2023-10-16"


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request in the words of the model's maker.

    Raises:
        InvalidRequest: When a message or a field cannot be said on that wire, or the region is none.
        UnsupportedModelType: When that wire is not spoken here, or cannot carry a part of a message.
        CredentialMissing: When the credential has no project or region.
    """
    return _wire(target).render(request, target)


def parse(response: WireResponse, request: ChatRequest, target: Target) -> ChatResult:
    """The answer, as the maker's wire has it.

    Raises:
        ProviderError: When it is an error object, or none that can be understood.
    """
    return _wire(target).dialect.parse(response, request, target)


def parse_stream(events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]:
    """The deltas of a streamed answer, as they come.

    Raises:
        ProviderError: When the stream carries an error, cannot be understood, or ends before the answer does.
    """
    return _wire(target).dialect.parse_stream(events, target)


def _own(request: ChatRequest, target: Target) -> WireRequest:
    body = gemini.body(request, target.config.quirks)
    operation = gemini.STREAM if request.stream else gemini.WHOLE
    target = with_settings(target, request.params.get("generationConfig") or ())
    # Ids of calls and schemas as JSON reached the second of the API's versions first.
    return configured(post(target, operation, body, version="v1beta1", framing="sse" if request.stream else None))


def _messages(request: ChatRequest, target: Target) -> WireRequest:
    body = {"anthropic_version": _ANTHROPIC_VERSION, **anthropic.body(request, target)}
    operation = "streamRawPredict" if request.stream else "rawPredict"
    return post(target, operation, body, version="v1", framing="sse" if request.stream else None)


@dataclass(frozen=True, slots=True)
class _Wire:
    dialect: ChatDialect
    render: Callable[[ChatRequest, Target], WireRequest]


_WIRES: Mapping[str, _Wire] = {"google": _Wire(gemini, _own), "anthropic": _Wire(anthropic, _messages)}
"""The publisher of a model → its wire."""


def _wire(target: Target) -> _Wire:
    publisher, name = model_of(target)
    if publisher not in _WIRES:
        raise UnsupportedModelType(f"the models of {publisher!r} are not spoken to yet: {name!r}", param="model")
    return _WIRES[publisher]
