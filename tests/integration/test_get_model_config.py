from typing import Any

import pytest

from functions.get_model_config.handler import handler
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.functions import directly, over_http

_BGE = TenantModel(
    "tenant123", "BAAI/bge-m3", "OpenAI-API-Compatible", ModelType.EMBEDDING, api_base="https://1.1.1.1/v1"
)
_CONFIG = {
    "llm_factory": "OpenAI",
    "llm_name": "gpt-4",
    "api_base": "https://api.openai.com/v1",
    "model_type": "chat",
}


@pytest.fixture(autouse=True)
def tenant123(aws: Aws) -> None:
    """``tenant123`` has ``gpt-4@OpenAI``, its default for chat, with a key, and a self-hosted embedding model."""
    add_tenant(aws.settings, "tenant123")
    bootstrap.tenant_llm_repository().put(_BGE)


def _same_both_ways(http: str, direct: str) -> Any:
    status, answer = over_http(handler, load_event(f"http/{http}"))

    assert status == 200
    assert directly(handler, load_event(f"direct/{direct}")) == answer
    return answer


def test_a_models_config_is_found_without_its_key() -> None:
    answer = _same_both_ways("model_config", "get_model_config")

    assert {name: answer[name] for name in _CONFIG} == _CONFIG
    assert set(answer) == {*_CONFIG, "max_tokens", "is_tools"}


def test_without_a_name_the_default_is_meant() -> None:
    event = load_event("http/model_config")
    event["queryStringParameters"] = {"llm_type": "chat"}

    status, answer = over_http(handler, event)

    assert (status, answer["llm_name"]) == (200, "gpt-4")


def test_models_are_listed_in_openais_shape() -> None:
    answer = _same_both_ways("models", "get_model_config_list_models")

    assert answer["object"] == "list"
    assert [model["id"] for model in answer["data"]] == ["BAAI/bge-m3@OpenAI-API-Compatible", "gpt-4@OpenAI"]


def test_a_models_address_in_a_path_may_hold_a_slash_and_an_at_sign() -> None:
    status, answer = over_http(handler, load_event("http/models_get"))

    assert (status, answer["id"], answer["owned_by"]) == (
        200,
        "BAAI/bge-m3@OpenAI-API-Compatible",
        "OpenAI-API-Compatible",
    )


def test_a_direct_event_names_the_model() -> None:
    assert directly(handler, load_event("direct/get_model_config_get_model"))["id"] == "gpt-4@OpenAI"


def test_llms_are_those_that_can_be_called() -> None:
    answer = _same_both_ways("llms", "get_model_config_get_my_llms")

    assert [(row["llm_name"], row["llm_factory"]) for row in answer["llms"]] == [
        ("BAAI/bge-m3", "OpenAI-API-Compatible"),
        ("gpt-4", "OpenAI"),
    ]


def test_factories_are_the_catalogues() -> None:
    answer = _same_both_ways("factories", "get_model_config_list_factories")

    offered = {row["name"]: row["model_types"] for row in answer["factories"]}
    assert "chat" in offered["OpenAI"]
    assert "embedding" in offered["OpenAI-API-Compatible"]


def test_a_models_type_is_told() -> None:
    answer = _same_both_ways("llm_type", "get_model_config_get_llm_type")

    assert answer == {"llm_id": "gpt-4@OpenAI", "llm_type": "chat"}


def test_a_type_that_only_another_tenant_could_tell_is_unknown() -> None:
    bootstrap.tenant_llm_repository().put(TenantModel("acme", "secret-project", "OpenAI", ModelType.TTS))
    event = load_event("http/llm_type")
    event["queryStringParameters"] = {"llm_id": "secret-project"}

    assert over_http(handler, event) == (200, {"llm_id": "secret-project", "llm_type": None})


@pytest.mark.parametrize(
    ("name", "query", "param"),
    [
        ("model_config", None, "llm_type"),
        ("model_config", {"llm_type": "vision"}, "llm_type"),
        ("model_config", {"llm_type": "chat", "llm_name": ""}, "llm_name"),
        ("llm_type", None, "llm_id"),
        ("llm_type", {"llm_id": " "}, "llm_id"),
        ("llm_type", {"llm_id": "x" * 1001}, "llm_id"),
    ],
)
def test_a_wrong_question_is_refused_by_name(name: str, query: dict[str, str] | None, param: str) -> None:
    event = {**load_event(f"http/{name}"), "queryStringParameters": query}

    status, answer = over_http(handler, event)

    assert (status, answer["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"llm_type": "tts"}, "model_not_set", "Type of tts model is not set."),
        ({"llm_type": "chat", "llm_name": "no-such"}, "model_not_found", "Model(no-such) not authorized"),
    ],
)
def test_what_is_not_there_is_said_in_the_specifications_words(query: dict[str, str], code: str, message: str) -> None:
    status, answer = over_http(handler, {**load_event("http/model_config"), "queryStringParameters": query})

    assert (status, answer["error"]["code"], answer["error"]["message"]) == (404, code, message)


def test_an_unknown_tenant_is_said_so() -> None:
    answer = directly(handler, {**load_event("direct/get_model_config"), "tenant_id": "nobody"})

    assert (answer["error"]["code"], answer["error"]["message"]) == ("tenant_not_found", "Tenant not found")


def test_a_model_of_another_tenant_is_not_found() -> None:
    bootstrap.tenant_llm_repository().put(TenantModel("acme", "gpt-4.1", "OpenAI", ModelType.CHAT))
    event = load_event("http/models_get")
    event["pathParameters"] = {"model": "gpt-4.1%40OpenAI"}

    status, answer = over_http(handler, event)

    assert (status, answer["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("tenant_id", [None, "", 5])
def test_a_direct_event_has_to_name_the_tenant(tenant_id: object) -> None:
    answer = directly(handler, {**load_event("direct/get_model_config"), "tenant_id": tenant_id})

    assert (answer["error"]["code"], answer["error"]["param"]) == ("invalid_request", "tenant_id")


def test_a_tenant_id_that_the_caller_writes_is_not_looked_at() -> None:
    event = load_event("http/models")
    event["headers"]["tenant_id"] = "acme"
    event["queryStringParameters"] = {"tenant_id": "acme"}

    _, answer = over_http(handler, event)

    assert [model["id"] for model in answer["data"]] == ["BAAI/bge-m3@OpenAI-API-Compatible", "gpt-4@OpenAI"]


def test_without_an_authorizers_word_nothing_is_told() -> None:
    event = load_event("http/models")
    del event["requestContext"]["authorizer"]

    status, answer = over_http(handler, event)

    assert (status, answer["error"]["code"]) == (401, "invalid_token")
