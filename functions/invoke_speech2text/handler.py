"""Speech2text: ``POST /v1/audio/transcriptions``, or direct."""

from tenant_llm.bootstrap import speech2text_service
from tenant_llm.surface import openai_audio
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_speech2text(call: Call) -> Answer:
    """The transcript, as ``response_format`` wants it."""
    asked = openai_audio.ask_transcription(call)
    result = speech2text_service().invoke(call.caller, asked.model, asked.request, asked.source)
    return openai_audio.render_transcription(result, asked.format)


handler = entrypoint({"POST /v1/audio/transcriptions": invoke_speech2text}, prepare=speech2text_service)
