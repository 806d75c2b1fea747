"""Parts of messages."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.dialects.content import (
    AudioPart,
    FilePart,
    ImagePart,
    TextPart,
    data_url,
    decode_base64,
    decode_data_url,
    message_parts,
    parts,
    system_text,
    text_of,
)
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject


@pytest.mark.parametrize("content", [None, "", []])
def test_nothing_has_no_parts(content: Json) -> None:
    assert parts(content) == []


def test_a_string_is_one_text() -> None:
    assert parts("Hello.") == [TextPart("Hello.")]


def test_every_kind_of_part_is_typed() -> None:
    content = [
        {"type": "text", "text": "Look:", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/cat.png", "detail": "low"}},
        {"type": "image_url", "image_url": "data:image/png;base64,iVA="},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "JVBERg=="}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]

    found = parts(content)

    assert found == [
        TextPart("Look:"),
        ImagePart(url="https://a.example/cat.png", detail="low"),
        ImagePart(data=b"\x89P", media_type="image/png"),
        AudioPart(b"ID3", "mp3"),
        FilePart(b"%PDF", "application/pdf", "a.pdf"),
        FilePart(b"%PDF", "application/pdf"),
        FilePart(file_id="file-1"),
    ]
    assert found[0].raw["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@@"}}, "image_url.url"),
        ({"type": "image_url", "image_url": "data:image/png;base64"}, "image_url"),
        ({"type": "image_url", "image_url": {"url": None}}, "image_url.url"),
        ({"type": "image_url"}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": None}}, "input_audio.data"),
        ({"type": "file", "file": {"file_data": "%"}}, "file.file_data"),
        ({"type": "file", "file": {}}, "file"),
        ({"type": "text", "text": 7}, "text"),
        ({"type": "video_url"}, "type"),
        (7, "type"),
    ],
)
def test_a_malformed_part_is_named_by_its_path(part: Json, param: str) -> None:
    messages: list[JsonObject] = [{"role": "system", "content": ""}, {"role": "user", "content": ["Hello.", part]}]

    with pytest.raises(InvalidRequest) as caught:
        message_parts(messages, 1)

    assert caught.value.param == f"messages[1].content[1].{param}"
    assert str(caught.value.param) in caught.value.message


def test_a_content_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parts({"type": "text"}, "messages[0].content")

    assert caught.value.param == "messages[0].content"


@given(st.binary())
def test_a_data_url_keeps_its_bytes(data: bytes) -> None:
    assert decode_data_url(data_url(data, "image/webp"), "url") == (data, "image/webp")


def test_a_data_url_need_not_be_base64() -> None:
    assert decode_data_url("data:text/plain;charset=utf-8,a%20b", "url") == (b"a b", "text/plain")
    assert decode_data_url("DATA:,x", "url") == (b"x", "text/plain")


@given(st.binary())
def test_base64_may_lack_padding_and_be_wrapped(data: bytes) -> None:
    text = b64encode(data).decode().rstrip("=")

    assert decode_base64("\n".join(text[i : i + 5] for i in range(0, len(text), 5)), "data") == data


def test_a_part_quoted_in_an_error_is_short() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_base64("%" * 5000, "data")

    assert len(caught.value.message) < 100


def test_all_system_texts_come_together() -> None:
    messages: list[JsonObject] = [
        {"role": "system", "content": "One."},
        {"role": "user", "content": "Hello."},
        {"role": "developer", "content": [{"type": "text", "text": "Two, "}, {"type": "text", "text": "three."}]},
        {"role": "system", "content": ""},
    ]

    assert system_text(messages) == "One.\n\nTwo, three."


def test_a_system_message_is_only_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/cat.png"}}

    with pytest.raises(InvalidRequest) as caught:
        text_of(["Look:", image], "messages[0].content")

    assert caught.value.param == "messages[0].content[1]"
