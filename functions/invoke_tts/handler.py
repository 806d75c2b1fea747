"""Tts: ``POST /v1/audio/speech``, or direct; in pieces where whoever asks can take them."""

from tenant_llm.bootstrap import tts_service
from tenant_llm.surface import audio_streams, openai_audio, sse
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_tts(call: Call) -> Answer:
    """The audio, its event stream, or where it was uploaded."""
    asked = openai_audio.ask_speech(call)
    if asked.stream is None:
        result = tts_service().invoke(call.caller, asked.model, asked.request, asked.target)
        return openai_audio.render_speech(result, asked.target)
    deltas = tts_service().stream(call.caller, asked.model, asked.request)
    if asked.stream == "sse":
        return Answer(audio_streams.speech_events(deltas), content_type=sse.CONTENT_TYPE)
    return Answer(
        audio_streams.audio(deltas), content_type=deltas.content_type, headers=openai_audio.named(deltas.model)
    )


ROUTES = {"POST /v1/audio/speech": invoke_tts}
handler = entrypoint(ROUTES, prepare=tts_service)
