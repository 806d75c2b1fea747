from base64 import b64encode

import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatResult, Choice
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Form, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.http import read_body
from tenant_llm.surface.image2text import ask, render
from tenant_llm.surface.invalid import invalid_request
from tests.support.events import load_event

_PNG = b"\x89PNG\r\n\x1a\nrest"


def _call(body: JsonObject, form: Form | None = None, *, direct: bool = False) -> Call:
    return Call(Caller("tenant123", "r", Deadline.after(1)), body, form=form, direct=direct)


@pytest.mark.parametrize(
    "image", ["https://example.com/a.png", "HTTPS://example.com/a", "data:image/png;base64,iVBORw=="]
)
def test_a_url_goes_on_as_it_is(image: str) -> None:
    assert ask(_call({"image": image})).request.image == image


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (_PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"BM0000", "image/bmp"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_bare_base64_becomes_a_data_url_of_its_kind(data: bytes, media_type: str) -> None:
    text = b64encode(data).decode()

    assert ask(_call({"image": text})).request.image == f"data:{media_type};base64,{text}"


def test_a_form_may_have_the_image_as_a_file() -> None:
    _, form = read_body(load_event("http/image2text_form"), 10_000)

    request = ask(_call({}, form)).request

    assert request.image.startswith("data:image/png;base64,")
    assert (request.prompt, request.lang, request.params) == (None, "English", {})


@pytest.mark.parametrize("name", ["image", "file"])
def test_a_file_becomes_a_data_url(name: str) -> None:
    form = Form({"prompt": "What?"}, {name: File("a.png", _PNG)})

    assert ask(_call({}, form)).request.image == f"data:image/png;base64,{b64encode(_PNG).decode()}"


def test_a_direct_event_has_it_in_base64() -> None:
    event = load_event("direct/invoke_image2text")
    del event["tenant_id"]

    asked = ask(_call(event, direct=True))

    assert asked.model == "gpt-4-vision-preview@OpenAI"
    assert asked.request.image.startswith("data:image/png;base64,")


def test_the_language_is_chinese_unless_told_and_unknown_fields_are_params() -> None:
    request = ask(_call({"image": "https://example.com/a", "prompt": "What?", "max_tokens": 5})).request

    assert (request.prompt, request.lang, request.params) == ("What?", "Chinese", {"max_tokens": 5})


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("http://example.com/a.png", "not an https: or data: URL"),
        ("ftp://example.com/a.png", "not an https: or data: URL"),
        ("***", r"image is not valid base64: '\*\*\*'"),
        ("data:image/png;base64,***", "image is not valid base64"),
        ("data:image/png", "not a data URL"),
        ("aGVsbG8=", "begins with b'hello': not a PNG"),
    ],
)
def test_what_is_no_image_is_refused(image: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem) as caught:
        ask(_call({"image": image}))

    assert caught.value.param == "image"


def test_a_file_that_is_no_image_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not a PNG"):
        ask(_call({}, Form({}, {"image": File("a.png", b"")})))


@pytest.mark.parametrize("fields", [{}, {"image": ""}, {"image": 5}])
def test_an_image_is_required(fields: JsonObject) -> None:
    with pytest.raises(ValidationError) as caught:
        ask(_call(fields))

    assert invalid_request(caught.value).param == "image"


def test_an_answer_is_the_text_its_model_and_its_usage() -> None:
    answer = render(ChatResult((Choice("A red pixel."),), Usage(10, 4), "m@F"))

    assert (answer["text"], answer["model"], answer["usage"]["total_tokens"]) == ("A red pixel.", "m@F", 14)
