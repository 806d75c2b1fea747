"""Speech2text: audio in, text out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Json


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """Audio to transcribe. ``language`` is ISO 639-1; ``params`` is the rest of the form, in OpenAI's names.

    With ``stream`` the transcript is wanted in pieces, from providers that send some.
    """

    audio: File
    language: str | None = None
    prompt: str | None = None
    params: Mapping[str, Json] = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptionResult:
    """What was said. ``duration`` is in seconds; ``extra`` keeps segments, words and what else the provider told."""

    text: str = field(repr=False)
    language: str | None = None
    duration: float | None = None
    usage: Usage | None = None
    model: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TranscriptionDelta:
    """A piece of a streamed transcript: ``text`` that goes on, or a ``segment`` with its times and speaker.

    The last one has the ``result``, the transcript whole, with its usage.
    """

    text: str = field(default="", repr=False)
    segment: Mapping[str, Json] | None = field(default=None, repr=False)
    result: TranscriptionResult | None = None


def in_one_piece(result: TranscriptionResult) -> Iterator[TranscriptionDelta]:
    """A whole result as a stream."""
    yield TranscriptionDelta(result=result)
