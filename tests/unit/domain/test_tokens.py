import pytest

from tenant_llm.domain import tokens
from tenant_llm.domain.chat import ChatRequest, Choice, ToolCall
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, JsonObject


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("你好", 2)])
def test_four_bytes_are_a_token_rounded_up(text: str, expected: int) -> None:
    assert tokens.text_tokens(text) == expected


def test_a_chat_counts_texts_images_and_tools_in_and_everything_the_model_wrote_out() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    messages: list[JsonObject] = [
        {"role": "user", "content": [{"type": "text", "text": "abcd"}, image]},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "abcdefgh"},
    ]
    request = ChatRequest(messages, tools=[{"a": "bc"}])
    choice = Choice(text="abcd", reasoning="abcdefgh", tool_calls=(ToolCall("1", "ab", "{}"),))

    usage = tokens.chat_usage(request, [choice])

    assert usage == Usage(1 + 765 + 2 + 3, 1 + 1 + 2, reasoning_tokens=2, estimated=True)


def test_token_ids_count_themselves() -> None:
    assert tokens.embedding_usage(["abcd", [1, 2, 3]]) == Usage(4, estimated=True)


def test_every_document_is_read_together_with_the_query() -> None:
    assert tokens.rerank_usage(RerankRequest("abcd", ["abcd", "abcdefgh"])) == Usage(5, estimated=True)


@pytest.mark.parametrize(
    ("item", "expected"), [("", 2), ("abcd", 6), ("\u6f22\U0001f388", 9), ([1, 2, 3], 3), ("\ud800", 5)]
)
def test_an_upper_bound_is_a_token_a_byte_and_two_around(item: str | list[int], expected: int) -> None:
    assert tokens.most_tokens(item) == expected


_HI: list[JsonObject] = [{"role": "user", "content": "Hi"}]
_AUDIO = File("a.wav", b"RIFF", "audio/wav")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (ChatRequest(_HI), 1 + 1024),
        (ChatRequest(_HI, params={"max_tokens": 50}), 1 + 50),
        (ChatRequest(_HI, params={"max_tokens": 50, "max_completion_tokens": 60}), 1 + 60),
        (ChatRequest(_HI, params={"max_tokens": None, "max_completion_tokens": None, "n": 3}), 1 + 3 * 1024),
        (ChatRequest(_HI, params={"max_tokens": "many", "n": -1}), 1 + 1024),
        (EmbeddingRequest(["abcdefgh", [1, 2, 3]]), 2 + 3),
        (RerankRequest("abcd", ["abcd", "abcd"]), 4),
        (SpeechRequest("abcdefgh"), 2),
        (SpeechRequest(""), 1),
        (TranscriptionRequest(_AUDIO), 1024),
    ],
)
def test_a_call_may_take_its_input_and_as_much_output_as_its_caller_allows(
    request_: tokens.AnyRequest, expected: int
) -> None:
    assert tokens.expected_tokens(request_) == expected
