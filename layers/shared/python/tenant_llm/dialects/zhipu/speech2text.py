"""Transcription: https://docs.bigmodel.cn/api-reference/模型-api/语音转文本.

The provider bills the length of the audio and does not tell it, so it is read from the audio itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tenant_llm.dialects.openai import speech2text as openai
from tenant_llm.dialects.zhipu.length import seconds
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.speech2text import TranscriptionDelta, TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import ServerEvent, WireRequest, WireResponse

LONGEST_SECONDS = 30
_UNKNOWN = ("response_format", "temperature", "timestamp_granularities", "timestamp_granularities[]", "include")
_ROUNDING = 0.5
"""What a file may be over: encoders pad the end."""
_OF_THE_CALL = ("id", "created", "request_id", "delta")


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """The audio and what leads the model (``prompt``, ``hotwords``); it finds the language out itself.

    Raises:
        InvalidRequest: When the audio is longer than the provider takes, or a stream is asked for.
    """
    length = seconds(request.audio.content)
    if length is not None and length > LONGEST_SECONDS + _ROUNDING:
        raise InvalidRequest(
            f"file is {length:.1f} seconds long: this provider takes {LONGEST_SECONDS} seconds a call", param="file"
        )
    params = {name: value for name, value in request.params.items() if name not in _UNKNOWN}
    return openai.render(replace(request, language=None, params=params), target)


def parse(response: WireResponse, request: TranscriptionRequest, target: Target) -> TranscriptionResult:
    """The transcript, with the seconds that were sent.

    Raises:
        MalformedAnswer: When there is no text in it.
        ProviderError: When it is an error object.
    """
    return _measured(openai.parse(response, replace(request, params={}), target), request)


def parse_stream(
    events: Iterable[ServerEvent], request: TranscriptionRequest, target: Target
) -> Iterator[TranscriptionDelta]:
    """OpenAI's events, of which the last does not repeat the text; the seconds are those that were sent.

    Raises:
        ProviderError: When an event is an error object.
        MalformedAnswer: When an event is not understood, or there is no text in any.
    """
    for delta in openai.parse_stream(events, request, target):
        yield replace(delta, result=delta.result and _measured(delta.result, request))


def _measured(result: TranscriptionResult, request: TranscriptionRequest) -> TranscriptionResult:
    extra = {name: value for name, value in result.extra.items() if name not in _OF_THE_CALL}
    return replace(result, duration=seconds(request.audio.content), extra=extra)
