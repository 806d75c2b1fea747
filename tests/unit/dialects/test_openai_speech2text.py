"""Transcription beyond the golden pairs: how form fields are written."""

from tenant_llm.dialects.openai import speech2text
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import File, WireResponse

AUDIO = File("a.mp3", b"ID3", "audio/mpeg")


def target(quirks: Quirks | None = None) -> Target:
    config = ModelConfig(
        "t", "m", "F", ModelType.SPEECH2TEXT, "openai", "https://a.example/v1", "m", quirks or Quirks()
    )
    return Target(config, Credential())


def test_form_fields_are_text_and_lists_repeat_them() -> None:
    params = {"diarize": True, "n": 2, "include[]": ["logprobs"], "chunking": {"type": "auto"}, "stream": False}

    form = speech2text.render(TranscriptionRequest(AUDIO, params=params), target()).form

    assert form is not None
    assert form.fields == {
        "diarize": "true",
        "n": "2",
        "include[]": ["logprobs"],
        "chunking": '{"type": "auto"}',
        "stream": "false",
        "model": "m",
    }


def test_a_row_changes_form_fields_like_any_body() -> None:
    quirks = Quirks(drop=("prompt",), defaults={"response_format": "json"}, headers={"x-a": "1"})

    wire = speech2text.render(TranscriptionRequest(AUDIO, prompt="x"), target(quirks))

    assert wire.form is not None
    assert wire.form.fields == {"response_format": "json", "model": "m"}
    assert wire.headers == {"x-a": "1"}


def test_json_is_read_as_json_even_where_text_was_asked_for() -> None:
    request = TranscriptionRequest(AUDIO, params={"response_format": "text"})
    response = WireResponse(200, b'{"text": "Hello."}', {"content-type": "application/json"})

    assert speech2text.parse(response, request, target()).text == "Hello."
