"""The specification's names, signatures and example, against a provider on loopback."""

import subprocess
import sys
from datetime import UTC, datetime
from inspect import signature

import pytest

from tenant_llm import LLM4Tenant, LLMFactoriesService, LLMType, TenantLLMService, bootstrap
from tenant_llm.domain.errors import InvalidRequest, TenantLLMError
from tenant_llm.domain.model_type import ModelType
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tests.support.aws import Aws, add_tenant
from tests.support.provider import ProviderServer

_CHAT_ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine, thanks."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}


def used(bundle: Aws, address: str, tenant_id: str = "tenant123") -> int:
    row = TenantLLMRepository(bundle.settings).find(tenant_id, address)
    assert row is not None
    return row.used_tokens


def test_the_usage_example_runs_as_it_is_written(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, "tenant123", api_base=f"{provider.url}/v1")
    provider.reply(_CHAT_ANSWER)

    # Instantiate a chat model for a tenant
    llm_wrapper = LLM4Tenant(tenant_id="tenant123", llm_type=LLMType.CHAT.value, llm_name="gpt-4@OpenAI")
    # Use the model instance
    response = llm_wrapper.mdl.chat("Hello, how can I help you?")
    # Increase usage tokens after processing
    TenantLLMService.increase_usage("tenant123", LLMType.CHAT.value, used_tokens=50, llm_name="gpt-4@OpenAI")

    assert (response.text, response.usage.total_tokens) == ("Fine, thanks.", 13)
    assert used(bundle, "gpt-4@OpenAI") == 13 + 50
    assert provider.requests[0].json["messages"] == [{"role": "user", "content": "Hello, how can I help you?"}]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (TenantLLMService.get_api_key, ["tenant_id", "model_name"]),
        (TenantLLMService.get_my_llms, ["tenant_id"]),
        (TenantLLMService.split_model_name_and_factory, ["model_name"]),
        (TenantLLMService.get_model_config, ["tenant_id", "llm_type", "llm_name"]),
        (TenantLLMService.model_instance, ["tenant_id", "llm_type", "llm_name", "lang", "kwargs"]),
        (TenantLLMService.increase_usage, ["tenant_id", "llm_type", "used_tokens", "llm_name", "request_id"]),
        (TenantLLMService.get_openai_models, []),
        (TenantLLMService.llm_id2llm_type, ["llm_id"]),
        (LLM4Tenant, ["tenant_id", "llm_type", "llm_name", "lang", "kwargs"]),
    ],
)
def test_signatures_are_the_specifications(method: object, parameters: list[str]) -> None:
    assert list(signature(method).parameters) == parameters  # type: ignore[arg-type]


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "{'boto3', 'botocore', 'httpx', 'pynamodb', 'langfuse'}"
    code = f"import sys, tenant_llm; print(sorted({heavy} & sys.modules.keys()))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    import tenant_llm

    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = tenant_llm.NoSuchName


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-4@OpenAI", ("gpt-4", "OpenAI")),
        ("gpt-4", ("gpt-4", None)),
        ("a@b", ("a@b", None)),
        ("a@b@c", ("a@b", "c")),
    ],
)
def test_names_split_by_the_catalogues_factories(text: str, expected: tuple[str, str | None]) -> None:
    assert TenantLLMService.split_model_name_and_factory(text) == expected


def test_increase_usage_updates_one_row_or_none(bundle: Aws) -> None:
    add_tenant(bundle.settings, "tenant123")
    increase = TenantLLMService.increase_usage

    assert increase("tenant123", "chat", 5, "gpt-4") == 1
    assert increase("tenant123", "chat", 5) == 1
    assert increase("tenant123", "chat", 5, "gpt-9@OpenAI") == 0
    assert increase("tenant123", "rerank", 5) == 0
    assert increase("nobody", "chat", 5) == 0
    assert used(bundle, "gpt-4@OpenAI") == 10


def test_increase_usage_with_a_request_id_counts_once(bundle: Aws) -> None:
    add_tenant(bundle.settings, "tenant123")

    answers = [
        TenantLLMService.increase_usage("tenant123", "chat", 5, "gpt-4@OpenAI", request_id="r-1") for _ in range(3)
    ]

    assert (answers, used(bundle, "gpt-4@OpenAI")) == ([1, 1, 1], 5)


@pytest.mark.parametrize("tokens", [-1, 1.5, True, "5", None])
def test_tokens_that_cannot_be_counted_are_named_and_nothing_is_booked(bundle: Aws, tokens: object) -> None:
    add_tenant(bundle.settings, "tenant123")

    with pytest.raises(InvalidRequest, match="used_tokens") as caught:
        TenantLLMService.increase_usage("tenant123", "chat", tokens, "gpt-4@OpenAI")  # type: ignore[arg-type]

    assert caught.value.param == "used_tokens"
    assert used(bundle, "gpt-4@OpenAI") == 0


def test_a_wrapper_without_an_instance_is_an_assertion_error_of_ours(bundle: Aws) -> None:
    add_tenant(bundle.settings, "tenant123", address="m@OpenAI", model_type=ModelType.RERANK)

    with pytest.raises(AssertionError) as caught:
        LLM4Tenant("tenant123", "rerank")

    assert isinstance(caught.value, TenantLLMError)


def test_a_wrapper_tells_its_models_limits(bundle: Aws) -> None:
    add_tenant(bundle.settings, "tenant123")

    wrapper = LLM4Tenant("tenant123", "chat", verbose_tool_use=True)

    assert (wrapper.max_length, wrapper.verbose_tool_use) == (wrapper.config.max_tokens, True)
    assert wrapper.is_tools is wrapper.config.is_tools


def test_factories_can_be_listed_and_asked_for(bundle: Aws) -> None:
    names = [row["name"] for row in LLMFactoriesService.get_all()]

    assert "OpenAI" in names
    assert [row["name"] for row in LLMFactoriesService.query(name="OpenAI")] == ["OpenAI"]
    assert LLMFactoriesService.get_by_id("Nobody") == (False, None)


def test_langfuse_is_there_only_with_the_tenants_own_keys(bundle: Aws) -> None:
    add_tenant(bundle.settings, "tenant123")
    add_tenant(bundle.settings, "traced")
    store = SecretStore(bundle.settings, TenantRepository(bundle.settings))
    keys = {"public_key": "pk-lf-traced", "secret_key": "sk-lf-traced", "host": "http://127.0.0.1:9"}
    store.put("traced", "langfuse", keys)

    without, traced = LLM4Tenant("tenant123", "chat"), LLM4Tenant("traced", "chat")

    assert (without.langfuse, without.trace_context) == (None, {})
    assert traced.langfuse is not None
    assert len(traced.trace_context["trace_id"]) == 32
    traced.langfuse.shutdown()


def test_a_chat_streams_the_same_text_in_deltas(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, "tenant123", api_base=f"{provider.url}/v1")
    provider.stream(
        b'data: {"choices":[{"index":0,"delta":{"content":"Fine, "}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"thanks."},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\ndata: [DONE]\n\n',
    )

    deltas = list(LLM4Tenant("tenant123", "chat").mdl.chat_stream("Hello", temperature=0))

    assert "".join(delta.text for delta in deltas) == "Fine, thanks."
    assert deltas[-1].usage.total_tokens == 13
    assert used(bundle, "gpt-4@OpenAI") == 13
    assert provider.requests[0].json["temperature"] == 0


def model(bundle: Aws, provider: ProviderServer, llm_type: str) -> LLM4Tenant:
    """A wrapper of a self-hosted model of that type at the test's provider."""
    base = f"{provider.url}/v1"
    add_tenant(bundle.settings, "tenant123", "m@OpenAI-API-Compatible", ModelType(llm_type), "key-0123456789", base)
    return LLM4Tenant("tenant123", llm_type)


def test_texts_and_queries_become_vectors(bundle: Aws, provider: ProviderServer) -> None:
    wrapper = model(bundle, provider, "embedding")
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    provider.reply({"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}], "usage": usage})
    provider.reply({"data": [{"index": 0, "embedding": [1, 1]}], "usage": usage})

    texts, query = wrapper.mdl.encode(["a", "b"]), wrapper.mdl.encode_queries("a")

    assert (texts.vectors, query.vectors) == ([[1, 0], [0, 1]], [[1, 1]])
    assert texts.usage.total_tokens + query.usage.total_tokens == used(bundle, "m@OpenAI-API-Compatible") == 6


def test_texts_are_scored_in_their_own_order(bundle: Aws, provider: ProviderServer) -> None:
    wrapper = model(bundle, provider, "rerank")
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}]
    provider.reply({"results": results, "usage": {"total_tokens": 12}})

    result = wrapper.mdl.similarity("q", ["a", "b"])

    assert (result.scores, [item.index for item in result.ranked]) == ([0.2, 0.9], [1, 0])
    assert used(bundle, "m@OpenAI-API-Compatible") == 12


def test_an_image_is_described_in_the_wrappers_language(bundle: Aws, provider: ProviderServer) -> None:
    wrapper = model(bundle, provider, "image2text")
    provider.reply(_CHAT_ANSWER)

    result = wrapper.mdl.describe(b"\x89PNG\r\n")
    wrapper.mdl.describe_with_prompt("https://example.com/cat.png", "What animal?")

    asked = [request.json["messages"][0]["content"] for request in provider.requests]
    assert result.text == "Fine, thanks."
    assert asked[0][0]["text"].endswith("Answer in Chinese.")
    assert asked[0][1]["image_url"]["url"] == "data:image/png;base64,iVBORw0K"
    assert (asked[1][0]["text"], asked[1][1]["image_url"]["url"]) == ("What animal?", "https://example.com/cat.png")


def test_a_recording_becomes_text(bundle: Aws, provider: ProviderServer) -> None:
    wrapper = model(bundle, provider, "speech2text")
    provider.reply({"text": "Hello world."})

    result = wrapper.mdl.transcription(b"RIFF....WAVE", language="en")

    assert result.text == "Hello world."
    assert result.usage.estimated
    assert b'name="language"\r\n\r\nen' in provider.requests[0].body


def test_a_text_becomes_audio_and_its_characters_are_counted(bundle: Aws, provider: ProviderServer) -> None:
    wrapper = model(bundle, provider, "tts")
    provider.reply(content=b"ID3audio", headers={"content-type": "audio/mpeg"})

    result = wrapper.mdl.tts("Hello", voice="nova")

    assert (result.audio, result.content_type, result.usage.native) == (b"ID3audio", "audio/mpeg", {"characters": 5})
    today = datetime.now(UTC).date()
    (day,) = bootstrap.usage_repository().days("tenant123", today, today)
    assert day.native == {"characters": 5}
