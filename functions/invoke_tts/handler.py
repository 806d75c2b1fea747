"""Tts: ``POST /v1/audio/speech``, or direct."""

from tenant_llm.bootstrap import tts_service
from tenant_llm.surface import openai_audio
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_tts(call: Call) -> Answer:
    """The audio, or where it was uploaded."""
    asked = openai_audio.ask_speech(call)
    result = tts_service().invoke(call.caller, asked.model, asked.request, asked.target)
    return openai_audio.render_speech(result, asked.target)


handler = entrypoint({"POST /v1/audio/speech": invoke_tts}, prepare=tts_service)
