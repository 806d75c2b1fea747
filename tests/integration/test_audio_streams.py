"""Speech and transcripts as they come: from a provider on loopback that holds back, breaks off or refuses."""

import json
import wave
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from queue import Queue
from time import monotonic
from typing import Any

import pytest

from tenant_llm import LLM4Tenant, bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    DeadlineExceeded,
    InvalidRequest,
    MalformedAnswer,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, JsonObject
from tests.support.aws import Aws, add_tenant
from tests.support.booked import settlements
from tests.support.provider import Cut, Gate, ProviderServer

_LONG = "A sentence of thirty letters. " * 50  # a model that speaks 1,000 characters a call needs two
_SHORT_CALLS = "step-tts-mini@StepFun"
_DONE = {
    "type": "transcript.text.done",
    "text": "Hello, Ada.",
    "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19},
}


@pytest.fixture
def booked(bundle: Aws) -> Iterator[Queue[Settlement]]:
    with settlements() as seen:
        yield seen


type Add = Callable[[str, ModelType], Any]


@pytest.fixture
def add(bundle: Aws, provider: ProviderServer) -> Add:
    """A tenant with that model at the test's provider, and the model object."""

    def add(address: str, model_type: ModelType) -> Any:
        add_tenant(bundle.settings, "tenant123", address, model_type, api_base=f"{provider.url}/v1")
        return LLM4Tenant("tenant123", model_type.value).mdl

    return add


@pytest.fixture
def tts(add: Add) -> Any:
    return add("tts-1@OpenAI", ModelType.TTS)


@pytest.fixture
def speech2text(add: Add) -> Any:
    return add("gpt-4o-transcribe@OpenAI", ModelType.SPEECH2TEXT)


def caller(seconds: float = 20) -> Caller:
    return Caller("tenant123", "r-1", Deadline.after(seconds))


def event(body: JsonObject) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


def text(delta: str) -> bytes:
    return event({"type": "transcript.text.delta", "delta": delta})


def wav(samples: bytes) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(samples)
    return file.getvalue()


def only(booked: Queue[Settlement]) -> Settlement:
    settlement = booked.get_nowait()
    assert booked.empty()
    return settlement


def test_audio_is_heard_while_the_provider_still_holds_the_rest(
    tts: Any, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    gate = Gate()
    provider.stream(b"ID3first", gate, b"second", content_type="audio/mpeg")

    stream = tts.tts_stream("Hello", voice="nova")
    first = next(stream)
    assert (stream.content_type, first.audio, booked.empty()) == ("audio/mpeg", b"ID3first", True)
    gate.open()
    second, last = stream

    assert (second.audio, last.audio, last.model) == (b"second", b"", "tts-1@OpenAI")
    assert last.usage == Usage(2, native={"characters": 5}, estimated=True)
    settlement = only(booked)
    assert (settlement.status, settlement.usage) == ("ok", last.usage)
    assert provider.requests[0].json["voice"] == "nova"


def test_audio_is_settled_before_its_end_is_told(tts: Any, provider: ProviderServer, booked: Queue[Settlement]) -> None:
    provider.stream(b"ID3", content_type="audio/mpeg")

    counts = [(bool(delta.audio), booked.qsize()) for delta in tts.tts_stream("Hello")]

    assert counts == [(True, 0), (False, 1)]


def test_a_listener_that_hangs_up_pays_for_the_text(
    tts: Any, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(b"ID3", Gate(), content_type="audio/mpeg")

    stream = tts.tts_stream("Hello")
    next(stream)
    stream.close()

    settlement = only(booked)
    assert settlement.status == "client_disconnected"
    assert settlement.usage == Usage(2, native={"characters": 5}, estimated=True)


def test_a_listener_that_hangs_up_before_listening_is_settled_too(
    tts: Any, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(b"ID3", Gate(), content_type="audio/mpeg")

    tts.tts_stream("Hello").close()

    assert only(booked).status == "client_disconnected"


@pytest.mark.usefixtures("tts")
def test_a_line_that_is_cut_ends_the_speech_within_a_second(
    provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(b"ID3", Gate(), content_type="audio/mpeg")
    asking = caller()

    stream = bootstrap.tts_service().stream(asking, None, SpeechRequest("Hello"))
    next(stream)
    asking.deadline.line.hung_up = True
    began = monotonic()
    with pytest.raises(DeadlineExceeded):
        next(stream)

    assert monotonic() - began < 1
    assert only(booked).status == "client_disconnected"


@pytest.mark.usefixtures("tts")
def test_speech_that_takes_too_long_is_interrupted(provider: ProviderServer, booked: Queue[Settlement]) -> None:
    provider.stream(b"ID3", Gate(), content_type="audio/mpeg")

    stream = bootstrap.tts_service().stream(caller(0.5), None, SpeechRequest("Hello"))
    with pytest.raises(DeadlineExceeded):
        list(stream)

    settlement = only(booked)
    assert (settlement.status, settlement.usage.estimated) == ("interrupted", True)


def test_speech_that_breaks_off_is_an_error_and_settled(
    tts: Any, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(b"ID3", Cut(), content_type="audio/mpeg")

    with pytest.raises(ProviderUnavailable):
        list(tts.tts_stream("Hello"))

    settlement = only(booked)
    assert (settlement.status, settlement.usage.native) == ("interrupted", {"characters": 5})


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (lambda provider: provider.reply({"error": {"message": "no"}}, status=400), ProviderRejected),
        (lambda provider: provider.reply({"error": {"message": "no", "type": "invalid_request_error"}}), ProviderError),
        (lambda provider: provider.reply(content=b"", headers={"content-type": "audio/mpeg"}), MalformedAnswer),
    ],
    ids=["status", "in a 200", "empty"],
)
def test_what_goes_wrong_before_the_first_byte_is_raised_and_not_booked(
    tts: Any,
    provider: ProviderServer,
    booked: Queue[Settlement],
    play: Callable[[ProviderServer], None],
    error: type[ProviderError],
) -> None:
    play(provider)

    with pytest.raises(error):
        tts.tts_stream("Hello")

    assert booked.empty()


def test_there_is_nothing_to_speak(tts: Any, provider: ProviderServer, booked: Queue[Settlement]) -> None:
    with pytest.raises(InvalidRequest, match="nothing to speak"):
        tts.tts_stream(" ")

    assert (provider.requests, booked.qsize()) == ([], 0)


def test_passages_are_spoken_one_after_the_other_and_settled_once(
    add: Add, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(wav(b"\x01\x02"), content_type="audio/wav")
    provider.stream(wav(b"\x03\x04"), content_type="audio/wav")

    stream = add(_SHORT_CALLS, ModelType.TTS).tts_stream(_LONG, format="wav")
    head = next(stream)
    assert len(provider.requests) == 1
    deltas = [head, *stream]

    audio = b"".join(delta.audio for delta in deltas)
    assert (stream.content_type, audio[44:]) == ("audio/wav", b"\x01\x02\x03\x04")
    asked = [request.json["input"] for request in provider.requests]
    assert " ".join(asked) == _LONG.strip()
    settlement = only(booked)
    assert (settlement.status, settlement.usage) == ("ok", deltas[-1].usage)
    assert settlement.usage.native == {"characters": sum(map(len, asked))}


def test_a_passage_that_is_refused_is_not_paid_for(
    add: Add, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(b"\xff\xfb1", content_type="audio/mpeg")
    provider.reply({"error": {"message": "no"}}, status=400)

    stream = add(_SHORT_CALLS, ModelType.TTS).tts_stream(_LONG)
    with pytest.raises(ProviderRejected):
        list(stream)

    settlement = only(booked)
    first, _ = (request.json["input"] for request in provider.requests)
    assert (settlement.status, settlement.usage.native) == ("interrupted", {"characters": len(first)})


def test_a_passage_that_nobody_waits_for_is_paid_for_once_it_is_asked_for(
    add: Add, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    add(_SHORT_CALLS, ModelType.TTS)
    provider.stream(b"\xff\xfb1", content_type="audio/mpeg")
    provider.hang()

    stream = bootstrap.tts_service().stream(caller(0.5), None, SpeechRequest(_LONG))
    with pytest.raises(DeadlineExceeded):
        list(stream)

    settlement = only(booked)
    characters = sum(len(request.json["input"]) for request in provider.requests)
    assert (len(provider.requests), settlement.usage.native) == (2, {"characters": characters})


def test_for_a_caller_that_has_hung_up_no_further_passage_is_asked_for(
    add: Add, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    add(_SHORT_CALLS, ModelType.TTS)
    provider.stream(bytes([255, 251]) * 100, content_type="audio/mpeg")
    asking = caller()

    stream = bootstrap.tts_service().stream(asking, None, SpeechRequest(_LONG))
    next(stream)
    asking.deadline.line.hung_up = True
    with pytest.raises(DeadlineExceeded):
        list(stream)

    settlement = only(booked)
    (asked,) = provider.requests
    assert settlement.status == "client_disconnected"
    assert settlement.usage.native == {"characters": len(asked.json["input"])}


def test_usage_that_a_provider_tells_at_the_end_is_the_calls(
    add: Add, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    def piece(audio: str, **usage: int) -> bytes:
        return event({"output": {"audio": {"data": audio}}, "usage": usage})

    gate = Gate()
    provider.stream(piece("AQA="), gate, piece("AgA=", input_tokens=4, output_tokens=50))

    stream = add("qwen-tts@Tongyi-Qianwen", ModelType.TTS).tts_stream("Hello", format="pcm")
    first = next(stream)
    gate.open()
    rest = list(stream)

    assert (first.audio, rest[0].audio, stream.content_type) == (b"\x01\x00", b"\x02\x00", "audio/pcm")
    settlement = only(booked)
    assert (settlement.usage.input_tokens, settlement.usage.output_tokens) == (4, 50)
    assert not settlement.usage.estimated


def test_a_transcript_is_read_while_the_provider_still_writes(
    speech2text: Any, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    gate = Gate()
    provider.stream(text("Hello"), gate, text(", Ada."), event(_DONE), b"data: [DONE]\n\n")

    stream = speech2text.transcription_stream(b"RIFF....WAVE", language="en")
    first = next(stream)
    assert (first.text, booked.empty()) == ("Hello", True)
    gate.open()
    second, last = stream

    assert (second.text, last.text, last.result.text) == (", Ada.", "", "Hello, Ada.")
    assert (last.result.usage, last.result.model) == (Usage(14, 5), "gpt-4o-transcribe@OpenAI")
    settlement = only(booked)
    assert (settlement.status, settlement.usage) == ("ok", Usage(14, 5))
    assert b'name="stream"\r\n\r\ntrue' in provider.requests[0].body


@pytest.mark.parametrize(("address", "asked"), [("gpt-4o-transcribe@OpenAI", True), ("whisper-large-v3@Groq", False)])
def test_a_transcript_that_comes_whole_is_one_piece(
    add: Add, provider: ProviderServer, booked: Queue[Settlement], address: str, *, asked: bool
) -> None:
    provider.reply({"text": "Hello.", "usage": {"type": "duration", "seconds": 2}})

    piece, last = add(address, ModelType.SPEECH2TEXT).transcription_stream(b"RIFF....WAVE")

    assert (piece.text, last.result.text, last.result.duration) == ("Hello.", "Hello.", 2)
    assert only(booked).usage.native == {"seconds": 2}
    assert (b'name="stream"' in provider.requests[0].body) == asked


@pytest.mark.parametrize("ending", ["hung up", "cut line", "broken off", "deadline"])
@pytest.mark.usefixtures("speech2text")
def test_a_transcript_without_its_end_is_settled_with_what_there_was(
    provider: ProviderServer, booked: Queue[Settlement], ending: str
) -> None:
    provider.stream(text("Hello"), text(" wor"), Cut() if ending == "broken off" else Gate())
    asking = caller(0.5 if ending == "deadline" else 20)
    request = TranscriptionRequest(File("a.wav", b"RIFF"))

    stream = bootstrap.speech2text_service().stream(asking, None, request)
    with closing(stream):
        heard = next(stream).text + next(stream).text
        if ending != "hung up":
            asking.deadline.line.hung_up = ending == "cut line"
            with pytest.raises((DeadlineExceeded, ProviderUnavailable)):
                next(stream)

    settlement = only(booked)
    assert heard == "Hello wor"
    assert settlement.status == ("interrupted" if ending in ("broken off", "deadline") else "client_disconnected")
    assert settlement.usage == Usage(output_tokens=3, estimated=True)


def test_a_transcript_that_is_refused_is_raised_and_not_booked(
    speech2text: Any, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(event({"error": {"message": "too short", "type": "invalid_request_error"}}))

    with pytest.raises(ProviderRejected, match="too short"):
        speech2text.transcription_stream(b"RIFF....WAVE")

    assert booked.empty()


def test_subtitles_have_no_pieces(speech2text: Any, provider: ProviderServer) -> None:
    with pytest.raises(InvalidRequest, match="streamed as json, text, diarized_json") as caught:
        speech2text.transcription_stream(b"RIFF....WAVE", response_format="srt")

    assert (caught.value.param, provider.requests) == ("response_format", [])


def test_a_streamed_text_is_asked_for_as_json(speech2text: Any, provider: ProviderServer) -> None:
    provider.reply({"text": "Hello."})

    list(speech2text.transcription_stream(b"RIFF....WAVE", response_format="text"))

    assert b"response_format" not in provider.requests[0].body
