"""What rows, profiles and dialects together put on the wire, for the facts that a row is there for."""

from typing import Any

import pytest

from tenant_llm.catalogue.load import provider
from tenant_llm.dialects import load
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.wire import Bearer, File
from tenant_llm.services.resolution import _config


def _target(address: str, model_type: ModelType, api_base: str | None = None) -> Target:
    name, _, factory = address.rpartition("@")
    row = provider(factory)
    assert row is not None
    config = _config(TenantModel("t", name, factory, model_type, api_base=api_base), model_type, row, stored=True)
    return Target(config, Credential({"api_key": "k"}))


def _chat_body(address: str, *, api_base: str | None = None, stream: bool = False, **params: Any) -> dict[str, Any]:
    target = _target(address, ModelType.CHAT, api_base)
    wire = load.chat(target.config.dialect).render(ChatRequest((), params=params, stream=stream), target)
    assert wire.json is not None
    return wire.json


@pytest.mark.parametrize(
    ("address", "sent", "field"),
    [
        ("gpt-5.5@OpenAI", "max_tokens", "max_completion_tokens"),
        ("gpt-5.5@OpenAI", "max_completion_tokens", "max_completion_tokens"),
        ("gpt-4o@OpenAI", "max_tokens", "max_tokens"),
        ("gpt-4o@OpenAI", "max_completion_tokens", "max_completion_tokens"),
        ("deepseek-v4-pro@DeepSeek", "max_completion_tokens", "max_tokens"),
        ("mistral-large-latest@Mistral", "max_completion_tokens", "max_tokens"),
        ("kimi-k2.6@Moonshot", "max_completion_tokens", "max_tokens"),
        ("glm-5.2@ZHIPU-AI", "max_completion_tokens", "max_tokens"),
        ("qwen3-max@Tongyi-Qianwen", "max_completion_tokens", "max_tokens"),
        ("llama-3.1-8b-instant@Groq", "max_tokens", "max_completion_tokens"),
        ("mimo-v2.5@Xiaomi", "max_tokens", "max_completion_tokens"),
        ("some-model@OpenRouter", "max_tokens", "max_tokens"),
        ("some-model@OpenRouter", "max_completion_tokens", "max_completion_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_provider_knows(address: str, sent: str, field: str) -> None:
    params: dict[str, Any] = {sent: 16}

    body = _chat_body(address, **params)

    assert {name: value for name, value in body.items() if name.startswith("max_")} == {field: 16}


@pytest.mark.parametrize(
    ("address", "params", "gone"),
    [
        ("o3@OpenAI", {"temperature": 0.5, "top_p": 1, "logit_bias": {"1": 2}}, True),
        ("gpt-4o@OpenAI", {"temperature": 0.5, "top_p": 1}, False),
        ("kimi-k2.6@Moonshot", {"temperature": 0.5, "presence_penalty": 1}, True),
        ("kimi-latest@Moonshot", {"temperature": 0.5}, False),
        ("grok-4@xAI", {"stop": ["\n"], "presence_penalty": 1, "reasoning_effort": "low"}, True),
        ("grok-3-mini@xAI", {"stop": ["\n"], "reasoning_effort": "low"}, False),
        ("hunyuan-pro@Tencent Hunyuan", {"frequency_penalty": 1}, True),
        ("glm-5.2@ZHIPU-AI", {"frequency_penalty": 1, "n": 1}, True),
        ("mistral-large-latest@Mistral", {"user": "u", "logit_bias": {}}, True),
    ],
)
def test_a_knob_that_is_refused_is_left_out(address: str, params: dict[str, Any], *, gone: bool) -> None:
    body = _chat_body(address, **params)

    assert {name in body for name in params} == {not gone}


def test_a_temperature_is_moved_into_the_range_that_is_taken() -> None:
    assert _chat_body("glm-5.2@ZHIPU-AI", temperature=0)["temperature"] == 0.01
    assert _chat_body("kimi-latest@Moonshot", temperature=1.7)["temperature"] == 1


def test_a_stream_is_asked_for_its_usage_but_where_the_question_is_an_error() -> None:
    assert _chat_body("gpt-4o@OpenAI", stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in _chat_body("mistral-large-latest@Mistral", stream=True)


@pytest.mark.parametrize(
    ("address", "thinks"),
    [("qwen3-32b@Tongyi-Qianwen", False), ("qwen3-235b-a22b-thinking-2507@Tongyi-Qianwen", None)],
)
def test_models_that_cannot_think_without_a_stream_do_not_unless_asked(address: str, *, thinks: bool | None) -> None:
    assert _chat_body(address).get("enable_thinking") is thinks
    assert _chat_body(address, enable_thinking=True)["enable_thinking"] is True


@pytest.mark.parametrize(
    ("address", "model"),
    [("Spark-Max@XunFei Spark", "generalv3.5"), ("x1@XunFei Spark", "x1"), ("a___VLLM@VLLM", "a")],
)
def test_a_model_is_called_what_the_provider_calls_it(address: str, model: str) -> None:
    assert _chat_body(address, api_base="https://models.example/v1")["model"] == model


@pytest.mark.parametrize(
    ("address", "api_base", "url"),
    [
        ("m@DeepSeek", None, "https://api.deepseek.com/chat/completions"),
        ("m@DeepInfra", None, "https://api.deepinfra.com/v1/openai/chat/completions"),
        ("x1@XunFei Spark", None, "https://spark-api-open.xf-yun.com/v2/chat/completions"),
        ("Spark-Max@XunFei Spark", None, "https://spark-api-open.xf-yun.com/v1/chat/completions"),
        ("m@MWS", "https://gpt.example/projects/p", "https://gpt.example/projects/p/openai/v1/chat/completions"),
        ("m@Xinference", "http://server:9997", "http://server:9997/v1/chat/completions"),
        ("m@LM-Studio", "http://server:1234/v1/", "http://server:1234/v1/chat/completions"),
        ("m@GPUStack", "https://gpus.example/v1-openai", "https://gpus.example/v1-openai/chat/completions"),
        ("m@OpenAI-API-Compatible", "https://any.example", "https://any.example/chat/completions"),
    ],
)
def test_a_chat_goes_to_its_place(address: str, api_base: str | None, url: str) -> None:
    target = _target(address, ModelType.CHAT, api_base)

    assert load.chat(target.config.dialect).render(ChatRequest(()), target).url == url


def test_a_key_is_taken_from_the_field_that_is_its_own() -> None:
    target = _target("Spark-Max@XunFei Spark", ModelType.CHAT)

    assert load.chat(target.config.dialect).render(ChatRequest(()), target).auth == Bearer("spark_api_password")


@pytest.mark.parametrize(
    ("address", "voice"),
    [
        ("tts-1@OpenAI", "alloy"),
        ("step-tts-mini@StepFun", "cixingnansheng"),
        ("hexgrad/Kokoro-82M@DeepInfra", "af_bella"),
        ("canopylabs/orpheus-3b-0.1-ft@DeepInfra", "tara"),
        ("voxtral-mini-tts-latest@Mistral", "en_paul_neutral"),
    ],
)
def test_without_a_voice_the_provider_gets_one_it_knows(address: str, voice: str) -> None:
    target = _target(address, ModelType.TTS)
    dialect = load.tts(target.config.dialect)

    wire = dialect.render(SpeechRequest("Hello"), target)
    chosen = dialect.render(SpeechRequest("Hello", voice="mine"), target)

    assert wire.json is not None
    assert wire.json["voice"] == voice
    assert chosen.json is not None
    assert chosen.json["voice"] == "mine"


def test_a_form_has_the_fields_that_are_required() -> None:
    target = _target("step-asr@StepFun", ModelType.SPEECH2TEXT)

    wire = load.speech2text(target.config.dialect).render(TranscriptionRequest(File("a.wav", b"RIFF")), target)

    assert wire.form is not None
    assert wire.form.fields["response_format"] == "json"
