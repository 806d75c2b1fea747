"""Speech: https://docs.siliconflow.cn/docs/api/audio-speech-post."""

from dataclasses import replace

from tenant_llm.dialects.body import wire_model
from tenant_llm.dialects.openai import tts as openai
from tenant_llm.dialects.openai.tts import parse, parse_chunks
from tenant_llm.domain.target import Target
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_chunks", "render"]

DEFAULT_VOICE = "anna"


def render(request: SpeechRequest, target: Target) -> WireRequest:
    """The request in OpenAI's words, with the voice as ``<model>:<name>``.

    A voice with a colon in it is whole already: the provider's own form, or the ``speech:…`` of an uploaded one. Where
    the caller sends samples of voices (``references``) no voice goes along, since the provider takes one or the other.

    Raises:
        InvalidRequest: When the caller asks for events instead of audio.
    """
    quirks = target.config.quirks
    voice = request.voice or quirks.defaults.get("voice", DEFAULT_VOICE)
    if ":" not in voice:
        voice = f"{wire_model(target.config.wire_name, quirks)}:{voice}"
    wire = openai.render(replace(request, voice=voice), target)
    if wire.json is None or request.voice or not request.params.get("references"):
        return wire
    return replace(wire, json={name: value for name, value in wire.json.items() if name != "voice"})
