"""Speech2text: audio in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Json


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """Audio to transcribe. ``language`` is ISO 639-1; ``params`` is the rest of the form, in OpenAI's names."""

    audio: File
    language: str | None = None
    prompt: str | None = None
    params: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TranscriptionResult:
    """What was said. ``duration`` is in seconds; ``extra`` keeps segments, words and what else the provider told."""

    text: str = field(repr=False)
    language: str | None = None
    duration: float | None = None
    usage: Usage | None = None
    model: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict, repr=False)
