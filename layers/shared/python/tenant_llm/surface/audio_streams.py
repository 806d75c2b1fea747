"""Streamed speech and transcripts: bytes as they come, and OpenAI's events.

https://platform.openai.com/docs/api-reference/audio/speech-audio-delta-event,
https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event
"""

from base64 import b64encode
from collections.abc import Callable, Generator
from contextlib import closing

from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.speech2text import TranscriptionDelta
from tenant_llm.domain.tts import SpeechDelta
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.openai_audio import render_tokens, render_transcript
from tenant_llm.surface.sse import DONE, Deltas, frame


def audio(deltas: Deltas[SpeechDelta]) -> Generator[bytes]:
    """The audio itself. An error on the way is raised: bytes have no other sign that they are not all."""
    with closing(deltas):
        for delta in deltas:
            if delta.audio:
                yield delta.audio


def speech_events(deltas: Deltas[SpeechDelta]) -> Generator[bytes]:
    """An event for every piece of audio, one with the usage, ``[DONE]``; a failure is an error object at the end."""
    return _events(deltas, _speech)


def transcript_events(deltas: Deltas[TranscriptionDelta]) -> Generator[bytes]:
    """An event for every piece of the text, one with all of it and the usage, ``[DONE]``; failures as in speech."""
    return _events(deltas, _transcript)


def _events[Delta](deltas: Deltas[Delta], event: Callable[[Delta], JsonObject]) -> Generator[bytes]:
    with closing(deltas):
        try:
            for delta in deltas:
                yield frame(event(delta)).encode()
        except TenantLLMError as error:
            yield frame(error.envelope()).encode()
            return
    yield DONE.encode()


def _speech(delta: SpeechDelta) -> JsonObject:
    if delta.usage is None:
        return {"type": "speech.audio.delta", "audio": b64encode(delta.audio).decode()}
    return {"type": "speech.audio.done", "model": delta.model, "usage": render_tokens(delta.usage)}


def _transcript(delta: TranscriptionDelta) -> JsonObject:
    if delta.result is not None:
        return {"type": "transcript.text.done", **render_transcript(delta.result)}
    if delta.segment is not None:
        return {**delta.segment, "type": "transcript.text.segment"}
    return {"type": "transcript.text.delta", "delta": delta.text}
