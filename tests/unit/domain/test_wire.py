import pytest

from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.wire import WireResponse


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"\xff{}", b'{"a":', b"[" * 100_000, b"1" * 5_000],
    ids=["empty", "HTML", "not UTF-8", "cut", "too deep", "too long a number"],
)
def test_an_answer_that_cannot_be_read_is_malformed_whatever_the_reason(content: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="not JSON"):
        WireResponse(200, content).json()


def test_a_media_type_is_told_without_its_parameters() -> None:
    response = WireResponse(200, b"{}", {"content-type": "Application/JSON; charset=utf-8"})

    assert (response.content_type, response.json()) == ("application/json", {})
