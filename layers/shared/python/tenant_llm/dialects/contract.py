"""What a dialect module offers, one protocol a model type; the modules themselves satisfy them.

``render`` turns a request into one exchange; ``parse`` turns an answer of status 2xx into a result, whose ``usage`` is
``None`` where the provider reported none. Both raise ``InvalidRequest`` or ``UnsupportedModelType`` for what the wire
cannot carry, ``MalformedAnswer`` or another ``ProviderError`` for an answer that is none (an error object inside a
200 too). ``parse_error`` is optional in a module: ``(status, body) -> (message, code)`` where the provider's error body
is not one of the common shapes ``transport.errors`` knows.

A module whose answers are jobs is a ``JobDialect`` too; one whose whole results come in events renders a ``framing``
and is an ``EventDialect`` instead.

Audio and transcripts may be streamed: ``ChunkStream`` and ``EventStream`` are halves that a module may have beside. One
without them is streamed in one piece.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.wire import ServerEvent, WireRequest, WireResponse


class Dialect[Request, Result](Protocol):
    """A wire for one model type."""

    def render(self, request: Request, target: Target) -> WireRequest: ...

    def parse(self, response: WireResponse, request: Request, target: Target) -> Result: ...


class ChatDialect(Dialect[ChatRequest, ChatResult], Protocol):
    """A chat wire, which also streams."""

    def parse_stream(self, events: Iterable[ServerEvent], target: Target) -> Iterator[ChatDelta]: ...


class JobDialect[Request](Protocol):
    """A wire on which the first answer is a job, which is asked for until it is done."""

    def follow_up(self, answer: WireResponse, request: Request, target: Target) -> WireRequest | None:
        """The next exchange; ``None`` where the answer is the one to parse.

        For a streamed chat it may have a framing: then the answer's text comes over it, and after its end the job is
        followed as for a whole answer, whose usage is the call's.
        """

    def cancel(self, answer: WireResponse, target: Target) -> WireRequest | None:
        """How to stop a job that nobody waits for any longer; ``None`` where there is no way."""


class EventDialect[Request, Result](Protocol):
    """A wire on which a whole result comes in events."""

    def render(self, request: Request, target: Target) -> WireRequest: ...

    def parse_events(self, events: Iterable[ServerEvent], request: Request, target: Target) -> Result: ...


class ChunkStream[Request, Delta](Protocol):
    """The half that streams an answer without framing: it is what ``parse`` understands, while it arrives."""

    def parse_chunks(
        self, head: WireResponse, chunks: Iterable[bytes], request: Request, target: Target
    ) -> Iterator[Delta]:
        """The deltas, none before the answer is known to be no refusal; ``head`` is the answer without its body."""


class EventStream[Request, Delta](Protocol):
    """The half that streams an answer with a framing."""

    def parse_stream(self, events: Iterable[ServerEvent], request: Request, target: Target) -> Iterator[Delta]: ...


type EmbeddingDialect = Dialect[EmbeddingRequest, EmbeddingResult]
type RerankDialect = Dialect[RerankRequest, RerankResult]
type Speech2TextDialect = Dialect[TranscriptionRequest, TranscriptionResult]
type TtsDialect = Dialect[SpeechRequest, SpeechResult] | EventDialect[SpeechRequest, SpeechResult]
