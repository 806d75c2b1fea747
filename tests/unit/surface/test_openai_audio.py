from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.link import Link
from tenant_llm.domain.speech2text import TranscriptionResult
from tenant_llm.domain.tts import SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Form, Json, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.http import read_body
from tenant_llm.surface.invalid import invalid_request
from tenant_llm.surface.openai_audio import (
    Format,
    ask_speech,
    ask_transcription,
    render_speech,
    render_transcription,
)
from tests.support.events import load_event

_FILE = File("a.wav", b"RIFF", "audio/wav")
_SEGMENTS = [{"start": 0, "end": 1.5, "text": " Hello."}, {"start": 3661.007, "end": 3662, "text": "Bye."}]


def _call(body: JsonObject, form: Form | None = None, *, direct: bool = False) -> Call:
    return Call(Caller("tenant123", "r", Deadline.after(1)), body, form=form, direct=direct)


def _form(**fields: str | list[str]) -> Call:
    return _call({}, Form(fields, {"file": _FILE}))


def test_a_form_is_read_with_its_numbers_and_lists() -> None:
    _, form = read_body(load_event("http/transcriptions"), 10_000)

    asked = ask_transcription(_call({}, form))

    assert (asked.model, asked.format) == ("whisper-1@OpenAI", "verbose_json")
    assert asked.request.audio.name == "speech.wav"
    assert asked.request.language == "en"
    assert asked.request.params == {
        "response_format": "verbose_json",
        "temperature": 0.0,
        "timestamp_granularities": ["segment", "word"],
    }


def test_a_single_granularity_is_a_list_too() -> None:
    asked = ask_transcription(_form(**{"timestamp_granularities[]": "word"}))

    assert asked.request.params == {"timestamp_granularities": ["word"]}


def test_unknown_fields_are_params_and_a_stream_that_is_not_wanted_is_nothing() -> None:
    asked = ask_transcription(_form(stream="false", diarize="true", prompt="p"))

    assert asked.request.params == {"diarize": "true"}
    assert asked.request.prompt == "p"
    assert not asked.stream


def test_a_stream_that_is_wanted_is_no_parameter() -> None:
    form, direct = ask_transcription(_form(stream="true")), ask_transcription(_call({"audio": "AAAA", "stream": True}))

    assert (form.stream, form.request.params) == (direct.stream, direct.request.params) == (True, {})


@pytest.mark.parametrize(
    ("wanted", "direct", "stream"),
    [
        (None, False, "audio"),
        ("audio", False, "audio"),
        ("sse", False, "sse"),
        (None, True, None),
        ("sse", True, "sse"),
    ],
)
def test_how_speech_is_streamed_is_for_us_and_not_for_the_provider(
    wanted: str | None, stream: str | None, *, direct: bool
) -> None:
    asked = ask_speech(_call({"input": "Hi", "stream_format": wanted, "instructions": "cheerful"}, direct=direct))

    assert (asked.stream, asked.request.params) == (stream, {"instructions": "cheerful"})


def test_events_are_not_uploaded() -> None:
    with pytest.raises(InvalidRequest, match="events are not uploaded") as caught:
        ask_speech(_call({"input": "Hi", "stream_format": "sse", "output_url": _SIGNED}))

    assert caught.value.param == "output_url"


def test_a_direct_event_has_the_audio_in_base64() -> None:
    event = load_event("direct/invoke_speech2text")
    del event["tenant_id"]

    asked = ask_transcription(_call(event, direct=True))

    assert (asked.model, asked.format) == ("whisper-1@OpenAI", "json")
    assert (asked.request.audio.name, asked.request.audio.content_type) == ("speech.wav", "audio/wav")
    assert asked.request.audio.content.startswith(b"RIFF")
    assert asked.request.params == {}


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (_call({}), "file"),
        (_call({}, Form({"model": "m"}, {})), "file"),
        (_call({}, Form({}, {"file": File("a.wav", b"")})), "file"),
        (_call({"audio": "***"}, direct=True), "audio"),
    ],
)
def test_a_call_without_audio_is_refused(call: Call, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask_transcription(call)

    assert caught.value.param == param


def test_broken_base64_is_quoted_by_its_beginning() -> None:
    with pytest.raises(InvalidRequest, match=r"audio is not valid base64: '\*\*\*"):
        ask_transcription(_call({"audio": "***" + "A" * 1000}, direct=True))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "xml"}, "response_format"),
        ({"temperature": "hot"}, "temperature"),
        ({"language": ["en", "de"]}, "language"),
        ({"model": ""}, "model"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(fields: dict[str, str | list[str]], param: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ask_transcription(_form(**fields))

    assert invalid_request(caught.value).param == param


_SIGNED = "https://store.example/in/a%20b.mp3?X-Amz-Signature=abc"


def test_a_form_may_name_its_audio_by_url() -> None:
    asked = ask_transcription(_call({}, Form({"audio_url": _SIGNED, "diarize": "true"}, {})))

    assert asked.source == Link("audio_url", "https://store.example/in/a%20b.mp3", "X-Amz-Signature=abc")
    assert (asked.request.audio, asked.request.params) == (File("", b"", ""), {"diarize": "true"})


def test_audio_at_a_url_may_be_given_a_name_and_a_type() -> None:
    asked = ask_transcription(_call({"audio_url": _SIGNED, "filename": "x.wav", "content_type": "audio/wav"}))

    assert asked.request.audio == File("x.wav", b"", "audio/wav")


@pytest.mark.parametrize(
    ("call", "other"),
    [
        (_form(audio_url=_SIGNED), "file"),
        (_call({"audio_url": _SIGNED, "audio": "AAAA"}), "audio"),
        (_call({"audio_url": _SIGNED, "audio": "AAAA"}, direct=True), "audio"),
        (_call({}, Form({"audio_url": _SIGNED, "audio": "AAAA"}, {})), "audio"),
    ],
)
def test_audio_and_its_url_at_once_are_refused(call: Call, other: str) -> None:
    with pytest.raises(InvalidRequest, match=f"audio_url and {other} are both there") as caught:
        ask_transcription(call)

    assert caught.value.param == "audio_url"


@pytest.mark.parametrize("value", ["", "s3://bucket/key?sig=secret", 5, ["https://h/?sig=secret"], {"sig": "secret"}])
def test_a_link_that_is_none_is_refused_without_a_quote(value: Json) -> None:
    with pytest.raises(InvalidRequest, match="audio_url is not an https URL") as transcription:
        ask_transcription(_call({"audio_url": value}))
    with pytest.raises(InvalidRequest, match="output_url is not an https URL") as speech:
        ask_speech(_call({"input": "Hi", "output_url": value}))

    assert (transcription.value.param, speech.value.param) == ("audio_url", "output_url")
    assert "secret" not in transcription.value.message + speech.value.message


def test_another_fields_error_does_not_quote_the_link() -> None:
    with pytest.raises(ValidationError) as caught:
        ask_speech(_call({"voice": "alloy", "output_url": _SIGNED}))

    assert "Signature" not in invalid_request(caught.value).message


def test_uploaded_speech_is_told_without_the_signature() -> None:
    asked = ask_speech(_call({"input": "Hi", "output_url": _SIGNED}))

    answer = render_speech(SpeechResult(b"ID3", "audio/mpeg", Usage(3, native={"characters": 2}), "m@F"), asked.target)

    assert answer.body == {
        "output_url": "https://store.example/in/a%20b.mp3",
        "bytes": 3,
        "content_type": "audio/mpeg",
        "model": "m@F",
        "usage": {"input_tokens": 3, "output_tokens": 0, "total_tokens": 3, "characters": 2},
    }
    assert (asked.request.params, asked.stream, "abc" in repr(asked)) == ({}, None, False)


def test_a_link_of_null_is_no_link() -> None:
    assert ask_transcription(_call({"audio_url": None, "audio": "AAAA"})).source is None
    assert ask_speech(_call({"input": "Hi", "output_url": None})).target is None


def test_json_is_the_text_and_its_usage() -> None:
    result = TranscriptionResult("Hello.", "en", 1.5, Usage(14, 2), "m@F", {"segments": _SEGMENTS})

    answer = render_transcription(result)

    assert answer.content_type == "application/json"
    assert answer.body == {
        "text": "Hello.",
        "model": "m@F",
        "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 2, "total_tokens": 16},
    }


def test_a_model_billed_by_time_reports_seconds() -> None:
    usage = Usage(output_tokens=2, native={"seconds": 1.5}, estimated=True)

    answer = render_transcription(TranscriptionResult("Hello.", usage=usage))

    body: Any = answer.body
    assert body["usage"] == {
        "type": "duration",
        "input_tokens": 0,
        "output_tokens": 2,
        "total_tokens": 2,
        "seconds": 1.5,
        "estimated": True,
    }


def test_verbose_json_tells_all() -> None:
    result = TranscriptionResult("Hello.", "en", 1.5, Usage(1, 1), "m@F", {"segments": _SEGMENTS})

    body: Any = render_transcription(result, "verbose_json").body

    assert body.pop("usage")["total_tokens"] == 2
    assert body == {
        "task": "transcribe",
        "language": "en",
        "duration": 1.5,
        "segments": _SEGMENTS,
        "text": "Hello.",
        "model": "m@F",
    }


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("text", "Hello. Bye."),
        (
            "srt",
            "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n2\n01:01:01,007 --> 01:01:02,000\nBye.\n\n",
        ),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello.\n\n01:01:01.007 --> 01:01:02.000\nBye.\n\n"),
    ],
)
def test_text_and_subtitles_are_plain_text(wanted: Format, text: str) -> None:
    result = TranscriptionResult("Hello. Bye.", extra={"segments": _SEGMENTS})

    answer = render_transcription(result, wanted)

    assert (answer.body, answer.content_type) == (text, "text/plain; charset=utf-8")


def test_subtitles_that_the_provider_wrote_stay_as_they_are() -> None:
    written = "1\n00:00:00,000 --> 00:00:01,500\nHello.\n"

    assert render_transcription(TranscriptionResult(written), "srt").body == written


def test_subtitles_without_times_are_an_error() -> None:
    with pytest.raises(UnsupportedModelType, match="'m@F' tells no times, which 'vtt' needs"):
        render_transcription(TranscriptionResult("Hello.", model="m@F"), "vtt")


@pytest.mark.parametrize("wanted", ["json", "verbose_json"])
def test_openais_own_client_reads_the_answer(wanted: Format) -> None:
    from openai.types.audio import Transcription

    result = TranscriptionResult("Hello.", "en", 1.5, Usage(14, 2), "m@F")

    read = Transcription.model_validate(render_transcription(result, wanted).body)

    assert read.usage is not None
    assert read.usage.type == "tokens"


def test_speech_has_its_voice_its_format_and_its_speed() -> None:
    body = {"model": "m", "input": "Hi", "voice": "alloy", "response_format": "mp3", "speed": 2, "instructions": "slow"}

    asked = ask_speech(_call(body))

    assert asked.model == "m"
    assert (asked.request.text, asked.request.voice, asked.request.format) == ("Hi", "alloy", "mp3")
    assert asked.request.speed == 2
    assert asked.request.params == {"instructions": "slow"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": ["Hi"]}, "input"),
        ({"voice": 5}, "voice"),
        ({"speed": 0}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"response_format": {}}, "response_format"),
    ],
)
def test_speech_that_cannot_be_right_is_refused_by_its_place(fields: JsonObject, param: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ask_speech(_call({"input": "Hi", **fields}))

    assert invalid_request(caught.value).param == param


def test_padding_of_base64_may_be_missing() -> None:
    audio = b64encode(b"RIFF").decode().rstrip("=")

    assert ask_transcription(_call({"audio": audio}, direct=True)).request.audio.content == b"RIFF"
