"""Tts: text in, audio out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class SpeechResult:
    """The audio and its media type."""

    audio: bytes = field(repr=False)
    content_type: str = "audio/mpeg"
    usage: Usage | None = None
    model: str = ""
