"""Tts: text in, audio out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Text to speak. ``format`` is OpenAI's ``response_format``: mp3, opus, aac, flac, wav, pcm."""

    text: str = field(repr=False)
    voice: str | None = None
    format: str | None = None
    speed: float | None = None
    params: Mapping[str, Json] = field(default_factory=dict)

    def format_among(self, made: Collection[str]) -> str:
        """The format, mp3 where none is asked for, of those that a provider makes.

        Raises:
            InvalidRequest: When it is another one.
        """
        asked = self.format or "mp3"
        if asked not in made:
            raise InvalidRequest(
                f"response_format {asked!r}: this provider makes {', '.join(made)}", param="response_format"
            )
        return asked


@dataclass(frozen=True, slots=True)
class SpeechResult:
    """The audio and its media type."""

    audio: bytes = field(repr=False)
    content_type: str = "audio/mpeg"
    usage: Usage | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class SpeechDelta:
    """A piece of streamed audio; each has the media type of the whole. A later ``usage`` replaces an earlier one."""

    audio: bytes = field(default=b"", repr=False)
    content_type: str = "audio/mpeg"
    usage: Usage | None = None
    model: str = ""


def in_one_piece(result: SpeechResult) -> Iterator[SpeechDelta]:
    """A whole result as a stream."""
    yield SpeechDelta(result.audio, result.content_type, result.usage, result.model)
