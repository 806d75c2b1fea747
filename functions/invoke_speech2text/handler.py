"""Speech2text: ``POST /v1/audio/transcriptions``, or direct; with ``stream`` in pieces where they can be taken."""

from tenant_llm.bootstrap import speech2text_service
from tenant_llm.surface import audio_streams, openai_audio, sse
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_speech2text(call: Call) -> Answer:
    """The transcript, as ``response_format`` wants it, or its event stream."""
    asked = openai_audio.ask_transcription(call)
    if asked.stream:
        deltas = speech2text_service().stream(call.caller, asked.model, asked.request, asked.source)
        return Answer(audio_streams.transcript_events(deltas), content_type=sse.CONTENT_TYPE)
    result = speech2text_service().invoke(call.caller, asked.model, asked.request, asked.source)
    return openai_audio.render_transcription(result, asked.format)


ROUTES = {"POST /v1/audio/transcriptions": invoke_speech2text}
handler = entrypoint(ROUTES, prepare=speech2text_service)
