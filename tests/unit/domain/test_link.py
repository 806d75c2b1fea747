import pytest

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.link import Link
from tenant_llm.domain.wire import Json


def test_the_query_is_kept_apart_and_out_of_sight() -> None:
    link = Link.parse("https://b.s3.example:8443/in/a.mp3?X-Amz-Signature=se%2Fcret&x=+", "audio_url")

    assert (link.url, link.query) == ("https://b.s3.example:8443/in/a.mp3", "X-Amz-Signature=se%2Fcret&x=+")
    assert (link.host, link.name, link.param) == ("b.s3.example", "a.mp3", "audio_url")
    assert "cret" not in f"{link} {link!r}"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h", ""),
        ("https://h/", ""),
        ("https://h/in/", ""),
        ("https://h/a%20b.mp3", "a b.mp3"),
        ("https://h/in%2F%C3%BC.wav?x=/y.mp3", "ü.wav"),
    ],
)
def test_the_name_is_the_paths_last_part_decoded(url: str, name: str) -> None:
    assert Link.parse(url, "audio_url").name == name


@pytest.mark.parametrize(
    "text",
    [
        None, 1, b"https://h/", "", "h/a.mp3", "ftp://h/s3cret", "file:///s3cret", "https://", "https:///s3cret",
        "https://[s3cret/", "https://h/a s3cret", "https://h/\ns3cret", "https://h/ü", "https://u:s3cret@h/", "https://h/#s3cret",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused_and_not_quoted(text: Json) -> None:
    with pytest.raises(InvalidRequest, match=r"^output_url") as caught:
        Link.parse(text, "output_url")

    assert caught.value.param == "output_url"
    assert "s3cret" not in caught.value.message
