import pytest

from tenant_llm.catalogue.load import provider
from tenant_llm.catalogue.profiles import profile
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks

_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_completion_tokens"}
_BUDGET = {"effort": "budget_tokens"}


@pytest.mark.parametrize(
    ("name", "rename", "temperature_goes"),
    [
        ("o1", _LIMIT, True),
        ("o3-mini", _LIMIT, True),
        ("gpt-5.4-mini", _LIMIT, True),
        ("gpt-5-chat-latest", {}, False),
        ("gpt-4o", {}, False),
        ("o2-house-model", {}, False),
        ("claude-3-7-sonnet-20250219", _BUDGET, False),
        ("claude-opus-4-1", _BUDGET, False),
        ("claude-sonnet-4-20250514", _BUDGET, False),
        ("claude-opus-4-7", {}, True),
        ("claude-3-5-haiku-20241022", {}, False),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", _BUDGET, False),
        ("anthropic.claude-opus-4-7", {}, True),
        ("llama-3.1-8b", {}, False),
    ],
)
def test_what_follows_a_chat_models_name(name: str, rename: dict[str, str], temperature_goes: bool) -> None:
    quirks = profile(name, ModelType.CHAT)

    assert quirks.rename == rename
    assert ("temperature" in quirks.drop) is temperature_goes


@pytest.mark.parametrize(
    ("name", "stop_goes"), [("grok-4-0709", True), ("grok-4-fast-non-reasoning", False), ("grok-3", False)]
)
def test_a_model_that_reasons_takes_no_stop_words_where_its_maker_says_so(name: str, stop_goes: bool) -> None:
    assert ("stop" in profile(name, ModelType.CHAT).drop) is stop_goes


@pytest.mark.parametrize(("name", "effort_goes"), [("grok-code-fast-1", True), ("grok-4", True), ("grok-4.5", False)])
def test_an_effort_goes_where_the_model_knows_none(name: str, effort_goes: bool) -> None:
    assert ("reasoning_effort" in profile(name, ModelType.CHAT).drop) is effort_goes


def test_a_limits_name_that_a_provider_changes_is_changed_back_for_models_that_know_only_the_newer() -> None:
    of_a_row = Quirks(rename={"max_completion_tokens": "max_tokens"})

    merged = of_a_row.merge(profile("gpt-5", ModelType.CHAT))

    assert merged.rename == _LIMIT


def test_a_profile_is_for_its_types_only() -> None:
    assert profile("o1", ModelType.EMBEDDING) == Quirks()
    assert profile("voyage-context-3", ModelType.EMBEDDING).path == "contextualizedembeddings"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amazon.titan-embed-text-v2:0", 1),
        ("amazon.nova-2-multimodal-embeddings-v1:0", 1),
        ("us.cohere.embed-v4:0", 96),
        ("embed-v4.0", None),
    ],
)
def test_how_many_texts_a_call_takes_follows_an_embedding_models_name(name: str, expected: int | None) -> None:
    assert profile(name, ModelType.EMBEDDING).max_batch == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text-embedding-3-small", 300_000),
        ("openai/text-embedding-ada-002", 300_000),
        ("text-embedding-v4", None),
    ],
)
def test_how_many_tokens_a_call_takes_follows_an_embedding_models_name(name: str, expected: int | None) -> None:
    assert profile(name, ModelType.EMBEDDING).max_batch_tokens == expected


@pytest.mark.parametrize(("name", "expected"), [("tts-1-hd", 4096), ("openai/gpt-4o-mini-tts", 4096), ("s1", None)])
def test_how_much_text_a_call_speaks_follows_a_speech_models_name(name: str, expected: int | None) -> None:
    assert profile(name, ModelType.TTS).max_characters == expected


@pytest.mark.parametrize(
    ("factory", "name", "model_type", "quirk", "expected"),
    [
        ("Voyage AI", "voyage-3.5", ModelType.EMBEDDING, "max_batch_tokens", 320_000),
        ("Voyage AI", "voyage-3.5-lite", ModelType.EMBEDDING, "max_batch_tokens", 1_000_000),
        ("Voyage AI", "voyage-4-large", ModelType.EMBEDDING, "max_batch_tokens", None),
        ("Voyage AI", "rerank-lite-1", ModelType.RERANK, "max_batch_tokens", 300_000),
        ("Voyage AI", "rerank-2.5", ModelType.RERANK, "max_batch_tokens", None),
        ("Tongyi-Qianwen", "qwen3-tts-flash", ModelType.TTS, "max_text_bytes", 600),
        ("Tongyi-Qianwen", "qwen-tts-latest", ModelType.TTS, "max_text_bytes", 512),
        ("Tongyi-Qianwen", "cosyvoice-v2", ModelType.TTS, "max_text_bytes", None),
        ("Google Cloud", "claude-sonnet-4-5", ModelType.CHAT, "inline_images", True),
        ("Google Cloud", "gemini-2.5-pro", ModelType.CHAT, "inline_images", None),
    ],
)
def test_caps_of_one_provider_follow_the_models_name(
    factory: str, name: str, model_type: ModelType, quirk: str, expected: int | bool | None
) -> None:
    row = provider(factory)
    assert row is not None

    assert getattr(row.profile(name, model_type), quirk) == expected
