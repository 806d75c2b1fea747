"""The routes that OpenAI's client does not know, and what any caller can get wrong."""

import json
from typing import Any

import httpx
import pytest

from tenant_llm.domain.model_type import ModelType
from tests.e2e.conftest import Shop, open_shop
from tests.support.provider import ProviderServer
from tools import usage

_NO_GATEWAY_RESPONSES = pytest.mark.not_on_stack("the emulator answers for the gateway in its own words")


@pytest.fixture
def http(shop: Shop) -> Any:
    with httpx.Client(base_url=shop.url, headers=shop.headers, timeout=30) as http:
        yield http


def test_rerank_has_jinas_shape_best_first(http: httpx.Client, shop: Shop, provider: ProviderServer) -> None:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    provider.reply({"results": results, "usage": {"total_tokens": 14}})

    answer = http.post("/v1/rerank", json={"query": "q", "documents": ["a", {"text": "b"}], "top_n": 2}).json()

    assert [(item["index"], item["relevance_score"]) for item in answer["results"]] == [(1, 0.9), (0, 0.1)]
    assert (answer["usage"]["total_tokens"], shop.used(ModelType.RERANK)) == (14, 14)
    assert provider.requests[0].json["documents"] == ["a", "b"]


def test_an_image_is_described(http: httpx.Client, provider: ProviderServer) -> None:
    message = {"role": "assistant", "content": "A cat."}
    provider.reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    answer = http.post("/v1/image2text", json={"image": "https://example.com/cat.png", "prompt": "What?"}).json()

    assert (answer["text"], answer["usage"]["estimated"]) == ("A cat.", True)


def test_usage_adds_up_over_the_types(http: httpx.Client, shop: Shop, provider: ProviderServer) -> None:
    provider.reply({"results": [{"index": 0, "relevance_score": 0.9}], "usage": {"total_tokens": 14}})
    http.post("/v1/rerank", json={"query": "q", "documents": ["a"]})
    http.post("/v1/usage", json={"llm_type": "chat", "used_tokens": 30, "request_id": "elsewhere"})
    http.post("/v1/usage", json={"llm_type": "chat", "used_tokens": 30, "request_id": "elsewhere"})

    answer = http.get("/v1/usage").json()

    assert (answer["totals"]["calls"], answer["totals"]["total_tokens"]) == (2, 44)
    assert shop.used(ModelType.CHAT) == 30


def test_a_tenant_sees_its_usage_in_the_terminal(
    http: httpx.Client, shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    http.post("/v1/usage", json={"llm_type": "chat", "used_tokens": 30})
    monkeypatch.setenv("TENANT_LLM_TOKEN", shop.token)

    usage.main(["--url", shop.url, "--group-by", "type"])

    head, row = capsys.readouterr().out.splitlines()
    assert "1 calls, 0 errors, 30 tokens" in head
    assert row.split()[0] == "chat"


def test_configs_types_and_factories_are_told_without_keys(http: httpx.Client) -> None:
    config = http.get("/v1/model-config", params={"llm_type": "chat"})
    kind = http.get("/v1/llm-type", params={"llm_id": "my-rerank"}).json()
    factories = http.get("/v1/factories").json()["factories"]
    mine = http.get("/v1/llms")

    assert config.json()["llm_name"] == "my-chat"
    assert "key-of-the-shop" not in config.text + mine.text
    assert kind["llm_type"] == "rerank"
    assert "OpenAI" in {factory["name"] for factory in factories}
    assert len(mine.json()["llms"]) == len(ModelType)


def test_a_tenants_token_opens_its_own_things_only(http: httpx.Client, shop: Shop, provider: ProviderServer) -> None:
    other = open_shop("other", shop.url, f"{provider.url}/v1")
    context = json.dumps({"authorizer": {"tenant_id": shop.tenant_id}})
    forged = {"tenant_id": shop.tenant_id, "x-tenant-id": shop.tenant_id, "x-amzn-request-context": context}
    http.post("/v1/usage", json={"llm_type": "chat", "used_tokens": 30})

    query = {"tenant_id": shop.tenant_id}
    answer = httpx.get(f"{shop.url}/v1/usage", headers=other.headers | forged, params=query).json()

    assert answer["totals"]["total_tokens"] == 0


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "param"),
    [
        ("POST", "/v1/chat/completions", {"content": b"{"}, 400, "body"),
        ("POST", "/v1/chat/completions", {"content": b"[]"}, 400, "body"),
        ("POST", "/v1/chat/completions", {"json": {"messages": "hi"}}, 400, "messages"),
        (
            "POST",
            "/v1/chat/completions",
            {"json": {"messages": [{"role": "cat"}]}},
            400,
            "messages[0].role",
        ),
        ("POST", "/v1/chat/completions", {"content": b" " * (6 * 1024 * 1024 + 1)}, 413, "body"),
        ("POST", "/v1/embeddings", {"json": {"input": [""]}}, 400, "input[0]"),
        ("POST", "/v1/rerank", {"json": {"query": "q", "documents": []}}, 400, "documents"),
        ("POST", "/v1/rerank", {"json": {"query": "q", "documents": ["a"], "top_n": 0}}, 400, "top_n"),
        ("POST", "/v1/audio/transcriptions", {"data": {"model": "my-speech2text"}}, 400, None),
        ("POST", "/v1/audio/speech", {"json": {"voice": "x"}}, 400, "input"),
        ("POST", "/v1/usage", {"json": {"llm_type": "chat", "used_tokens": -1}}, 400, "used_tokens"),
        ("POST", "/v1/usage", {"json": {"llm_type": "chat", "used_tokens": 1.5}}, 400, "used_tokens"),
        ("GET", "/v1/model-config", {"params": {"llm_type": "poetry"}}, 400, "llm_type"),
        ("GET", "/v1/models/no-such-model", {}, 404, "model"),
        pytest.param(*("GET", "/v1/no-such-route", {}, 404, None), marks=_NO_GATEWAY_RESPONSES),
    ],
)
def test_bad_input_gets_an_envelope_with_field_and_id_and_books_nothing(
    http: httpx.Client, shop: Shop, provider: ProviderServer, method: str, path: str, sent: Any, status: int, param: Any
) -> None:
    answer = http.request(method, path, **sent)

    error = answer.json()["error"]
    assert answer.status_code == status
    assert error.keys() == {"message", "type", "param", "code"}
    assert param is None or error["param"] == param
    assert answer.headers["x-request-id"]
    assert provider.requests == []
    assert json.loads(http.get("/v1/usage").text)["totals"]["calls"] == 0


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer tllm_wrong", "Basic dGxsbQ=="])
def test_a_bad_token_opens_nothing(shop: Shop, authorization: str) -> None:
    answer = httpx.get(f"{shop.url}/v1/models", headers={"authorization": authorization} if authorization else {})

    assert answer.status_code == 401


@_NO_GATEWAY_RESPONSES
def test_a_bad_token_gets_an_envelope(shop: Shop) -> None:
    answer = httpx.get(f"{shop.url}/v1/models", headers={"authorization": "Bearer tllm_wrong"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token")


@pytest.mark.not_on_stack("changes the server's settings")
def test_a_provider_that_hangs_ends_before_the_gateway_gives_up(
    shop: Shop, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenant_llm import bootstrap

    monkeypatch.setenv("HTTP_TIMEOUT_MILLIS", "1400")
    bootstrap.reset()
    provider.hang()

    answer = httpx.post(
        f"{shop.url}/v1/chat/completions",
        headers=shop.headers,
        json={"messages": [{"role": "user", "content": "Hi"}]},
        timeout=20,
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert (len(provider.requests), shop.used(ModelType.CHAT)) == (1, 0)
