from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.domain.errors import InvalidRequest, PayloadTooLarge
from tenant_llm.domain.wire import File, Json
from tenant_llm.surface.http import read_body, read_form, read_json, render
from tests.support.events import load_event

_LIMIT = 1_000_000
_TYPE = "multipart/form-data; boundary=b"


def _form(*parts: str) -> bytes:
    return "".join(f"--b\r\n{part}\r\n" for part in parts).encode() + b"--b--\r\n"


def _field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def _file(name: str, filename: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n{value}'


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", None])
def test_a_body_is_json_whatever_its_type_says(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}

    body, form = read_body({"headers": headers, "body": '{"a": 1}'}, _LIMIT)

    assert (body, form) == ({"a": 1}, None)


@pytest.mark.parametrize("body", [None, "", "  \n"])
def test_no_body_is_an_empty_object(body: str | None) -> None:
    assert read_body({"headers": None, "body": body}, _LIMIT) == ({}, None)


def test_base64_is_decoded() -> None:
    event = {"body": b64encode('{"ü": "\u20ac"}'.encode()).decode(), "isBase64Encoded": True}

    assert read_body(event, _LIMIT) == ({"ü": "€"}, None)


def test_broken_base64_is_refused_with_its_beginning() -> None:
    with pytest.raises(InvalidRequest, match=r"not valid base64: '\*\*\*'") as caught:
        read_body({"body": "***", "isBase64Encoded": True}, _LIMIT)

    assert caught.value.param == "body"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\uDC00": 1}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_json_is_refused_with_its_beginning(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="the body is not JSON: b'") as caught:
        read_json(raw)

    assert caught.value.param == "body"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"5", b"null"])
def test_a_body_is_an_object(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not a JSON object"):
        read_json(raw)


def test_a_whole_surrogate_pair_is_text() -> None:
    assert read_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(read_json(raw), dict)


@given(st.binary(max_size=300))
def test_any_form_is_read_or_refused(raw: bytes) -> None:
    with suppress(InvalidRequest):
        read_form(b"--b\r\nContent-Disposition: form-data; name=x" + raw, _TYPE)


def test_a_body_of_just_the_limit_is_read() -> None:
    assert read_body({"body": '{"a":1}'}, 7) == ({"a": 1}, None)

    with pytest.raises(PayloadTooLarge, match="has 7 bytes: more than 6; larger audio goes by 'audio_url'"):
        read_body({"body": '{"a":1}'}, 6)


def test_a_form_has_fields_and_files() -> None:
    event = load_event("http/transcriptions")

    body, form = read_body(event, _LIMIT)

    assert body == {}
    assert form is not None
    assert form.fields == {
        "model": "whisper-1@OpenAI",
        "language": "en",
        "response_format": "verbose_json",
        "temperature": "0",
        "timestamp_granularities[]": ["segment", "word"],
    }
    file = form.files["file"]
    assert (file.name, file.content_type, file.content[:4]) == ("speech.wav", "audio/wav", b"RIFF")


def test_a_field_that_comes_three_times_is_a_list_of_three() -> None:
    form = read_form(_form(*(_field("x", value) for value in "abc")), _TYPE)

    assert form.fields == {"x": ["a", "b", "c"]}


def test_a_large_file_is_read_whole() -> None:
    form = read_form(_form(_file("file", "a.wav", "x" * 300_000)), _TYPE)

    assert form.files == {"file": File("a.wav", b"x" * 300_000)}


@pytest.mark.parametrize(
    ("raw", "content_type", "problem"),
    [
        (_form(_field("x", "1")), "multipart/form-data", "has no boundary"),
        (_form(_field("x", "1")), "multipart/form-data; boundary=other", "not a multipart form"),
        (_form(_field("x", "1"))[:-6], _TYPE, "not a multipart form"),
        (b"", _TYPE, "not a multipart form"),
        (_form("Content-Type: text/plain\r\n\r\nnameless"), _TYPE, "not a multipart form"),
        (_form(_field("x", "1")).replace(b"1", b"\xff"), _TYPE, "not a multipart form"),
        (_form(_file("f", "a", "1"), _file("f", "b", "2")), _TYPE, "two files named 'f'"),
    ],
)
def test_a_malformed_form_is_refused(raw: bytes, content_type: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        read_form(raw, content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ({"a": "ü"}, "application/json", '{"a":"ü"}'),
        ("text", "application/json", '"text"'),
        ("text", "text/plain", "text"),
        ("half \ud83d", "text/plain", "half \ufffd"),
        ({"a": "half \ud83d"}, "application/json", '{"a":"half \\ud83d"}'),
        (b"text", "text/plain", "dGV4dA=="),
    ],
)
def test_an_answer_is_written_by_its_type(body: Json, content_type: str, text: str) -> None:
    answer = render(body, 201, content_type, {"x-a": "b"})

    assert answer == {
        "statusCode": 201,
        "headers": {"content-type": content_type, "x-a": "b"},
        "body": text,
        "isBase64Encoded": isinstance(body, bytes),
    }
