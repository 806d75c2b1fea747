"""Estimates, for providers that report no usage. Every number from here is marked ``estimated``.

A token is taken to be four bytes of UTF-8: about four letters of English, about one and a third Chinese characters,
which is what the common byte-pair vocabularies come to within some 20 %. An image counts as 765 tokens, what OpenAI
charges for 1024 x 1024 pixels (https://platform.openai.com/docs/guides/images-vision).
"""

from collections.abc import Iterable
from json import dumps
from typing import assert_never

from tenant_llm.domain.chat import ChatRequest, Choice
from tenant_llm.domain.embedding import EmbeddingInput, EmbeddingRequest
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json

_BYTES_A_TOKEN = 4
_TOKENS_AN_IMAGE = 765
_TOKENS_AROUND = 2
_OUTPUT_TOKENS = 1024

type AnyRequest = ChatRequest | EmbeddingRequest | RerankRequest | SpeechRequest | TranscriptionRequest


def text_tokens(text: str) -> int:
    """Tokens of a text, rounded up."""
    return -(-len(text.encode()) // _BYTES_A_TOKEN)


def most_tokens(item: EmbeddingInput) -> int:
    """What an input can come to at most, for caps that must not be passed; no estimate.

    A token of the usual vocabularies stands for a byte of UTF-8 at least, and a model puts one before and one behind
    the text. English has about four bytes a token, so that a batch by this bound may be a fourth of what would pass:
    more calls, but none that is refused.
    """
    return len(item.encode(errors="surrogatepass")) + _TOKENS_AROUND if isinstance(item, str) else len(item)


def chat_usage(request: ChatRequest, choices: Iterable[Choice]) -> Usage:
    """Usage of a chat: its messages and tools in, every choice's text, reasoning and tool calls out."""
    asked = sum(_content_tokens(message.get("content")) for message in request.messages)
    asked += sum(text_tokens(dumps(tool, ensure_ascii=False)) for tool in request.tools)
    answered = reasoned = 0
    for choice in choices:
        called = "".join(call.name + call.arguments for call in choice.tool_calls)
        answered += text_tokens(choice.text) + text_tokens(called)
        reasoned += text_tokens(choice.reasoning)
    return Usage(asked, answered + reasoned, reasoning_tokens=reasoned, estimated=True)


def embedding_usage(inputs: Iterable[EmbeddingInput]) -> Usage:
    """Usage of an embedding; token ids count themselves."""
    asked = sum(text_tokens(item) if isinstance(item, str) else len(item) for item in inputs)
    return Usage(asked, estimated=True)


def rerank_usage(request: RerankRequest) -> Usage:
    """Usage of a rerank: every document is read together with the query."""
    documents = sum(text_tokens(document) for document in request.documents)
    return Usage(documents + text_tokens(request.query) * len(request.documents), estimated=True)


def expected_tokens(request: AnyRequest) -> int:
    """What a call may come to, 1 at least: its input, estimated, and as much output as its caller allows.

    1024 tokens stand for the output of a chat without a cap, and for a transcript, of which nothing is known before.
    """
    match request:
        case ChatRequest():
            cap = _positive(request, "max_completion_tokens") or _positive(request, "max_tokens") or _OUTPUT_TOKENS
            expected = chat_usage(request, ()).input_tokens + cap * (_positive(request, "n") or 1)
        case EmbeddingRequest():
            expected = embedding_usage(request.inputs).input_tokens
        case RerankRequest():
            expected = rerank_usage(request).input_tokens
        case SpeechRequest():
            expected = text_tokens(request.text)
        case TranscriptionRequest():
            expected = _OUTPUT_TOKENS
        case _:
            assert_never(request)
    return max(1, expected)


def _positive(request: ChatRequest, name: str) -> int | None:
    value = request.params.get(name)
    return value if isinstance(value, int) and value > 0 else None


def _content_tokens(content: Json) -> int:
    if isinstance(content, str):
        return text_tokens(content)
    if not isinstance(content, list):
        return 0
    return sum(
        _TOKENS_AN_IMAGE if part.get("type") == "image_url" else text_tokens(str(part.get("text", "")))
        for part in content
    )
