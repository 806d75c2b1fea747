"""A default with fallbacks: which model is asked, what the caller hears, and who is charged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from tenant_llm import bootstrap
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tests.support.aws import Aws, add_tenant
from tests.support.functions import directly
from tests.support.provider import Cut, ProviderServer, provider_server

_FIRST, _SECOND, _THIRD = "gpt-4@OpenAI", "llama@Xinference", "mistral-small@Mistral"
_EVENT = {"tenant_id": "acme", "messages": [{"role": "user", "content": "Hi"}]}
_NOT_AGAIN = {"x-should-retry": "false"}


def _answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


@pytest.fixture
def second() -> Iterator[ProviderServer]:
    with provider_server() as server:
        server.reply(_answer("from the second"))
        yield server


@pytest.fixture
def acme(bundle: Aws, provider: ProviderServer, second: ProviderServer) -> Aws:
    """``acme``'s default is the first model, the second its fallback; each has a provider of its own."""
    add_tenant(bundle.settings, address=_FIRST, api_base=f"{provider.url}/v1")
    service = bootstrap.tenant_models_service()
    service.register(
        TenantModel("acme", "llama", "Xinference", ModelType.CHAT, api_base=f"{second.url}/v1"), "xi-key-0123456789"
    )
    service.set_defaults("acme", {}, {ModelType.CHAT: [_SECOND]})
    return bundle


def chat(**fields: Any) -> Any:
    return directly(import_module("functions.invoke_chat.handler").handler, _EVENT | fields)


def used(bundle: Aws) -> dict[str, int]:
    return {row.address: row.used_tokens for row in TenantLLMRepository(bundle.settings).list("acme")}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": {"message": "boom"}}),
        (429, {"error": {"message": "slow down"}}),
        (402, {"error": {"message": "no balance"}}),
        (401, {"error": {"message": "bad key"}}),
        (404, {"error": {"message": "this model was retired"}}),
        (200, ["no answer"]),
    ],
)
def test_another_model_answers_where_the_first_ones_provider_is_at_fault(
    acme: Aws, provider: ProviderServer, second: ProviderServer, status: int, body: Any
) -> None:
    provider.reply(body, status=status, headers=_NOT_AGAIN)

    answer = chat()

    assert (answer["choices"][0]["message"]["content"], answer["model"]) == ("from the second", _SECOND)
    assert used(acme) == {_FIRST: 0, _SECOND: 7}
    assert second.requests[0].headers["authorization"] == "Bearer xi-key-0123456789"


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [(400, "temperature is wrong", "provider_rejected"), (400, "maximum context length", "context_length_exceeded")],
)
def test_a_request_that_is_wrong_is_wrong_everywhere(
    acme: Aws, provider: ProviderServer, second: ProviderServer, status: int, message: str, code: str
) -> None:
    provider.reply({"error": {"message": message}}, status=status)

    assert chat()["error"]["code"] == code
    assert second.requests == []


def test_a_model_that_is_named_has_no_fallback(acme: Aws, provider: ProviderServer, second: ProviderServer) -> None:
    provider.reply({"error": {"message": "no balance"}}, status=402)

    assert chat(model=_FIRST)["error"]["code"] == "provider_quota_exhausted"
    assert second.requests == []


def test_where_none_answers_the_last_ones_error_is_told(
    acme: Aws, provider: ProviderServer, second: ProviderServer
) -> None:
    provider.reply({"error": {"message": "no balance"}}, status=402)
    second.forget_replies()
    second.reply({"error": {"message": "bad key"}}, status=401)

    assert chat()["error"]["code"] == "credential_rejected_by_provider"
    assert used(acme) == {_FIRST: 0, _SECOND: 0}


def test_a_fallback_that_is_gone_or_unfit_is_passed_over(
    acme: Aws, provider: ProviderServer, second: ProviderServer
) -> None:
    service = bootstrap.tenant_models_service()
    third = TenantModel("acme", "mistral-small", "Mistral", ModelType.CHAT, api_base=f"{second.url}/v1")
    service.register(third, "mi-key-0123456789")
    service.set_defaults("acme", {}, {ModelType.CHAT: [_SECOND, _THIRD]})
    TenantLLMRepository(acme.settings).delete("acme", _SECOND)
    provider.reply({"error": {"message": "no balance"}}, status=402)

    assert chat()["model"] == _THIRD


def test_where_the_only_fallback_is_gone_the_models_own_error_is_told(acme: Aws, provider: ProviderServer) -> None:
    TenantLLMRepository(acme.settings).delete("acme", _SECOND)
    provider.reply({"error": {"message": "no balance"}}, status=402)

    assert chat()["error"]["code"] == "provider_quota_exhausted"


def test_what_the_first_model_holds_of_a_budget_is_given_back_before_the_next_is_asked(
    acme: Aws, provider: ProviderServer
) -> None:
    bootstrap.tenant_models_service().set_budgets("acme", [Budget("day", hard=10_000)])
    provider.reply({"error": {"message": "no balance"}}, status=402)

    assert chat()["model"] == _SECOND
    (state,) = bootstrap.budget_service().states("acme")
    assert state.committed == 7


def test_a_fallback_whose_own_budget_is_full_is_passed_over(acme: Aws, provider: ProviderServer) -> None:
    bootstrap.tenant_models_service().set_budgets("acme", [Budget("day", hard=1, model=_SECOND)])
    provider.reply({"error": {"message": "no balance"}}, status=402)

    assert chat()["error"]["code"] == "provider_quota_exhausted"


def test_one_request_id_is_counted_once_whichever_model_answers(
    acme: Aws, provider: ProviderServer, second: ProviderServer
) -> None:
    provider.reply({"error": {"message": "no balance"}}, status=402)
    provider.reply(_answer("from the first"))

    models = [chat(request_id="same")["model"] for _ in range(2)]

    assert models == [_SECOND, _FIRST]
    assert used(acme) == {_FIRST: 0, _SECOND: 7}


def test_a_stream_falls_back_until_its_first_piece_and_not_after(
    acme: Aws, provider: ProviderServer, second: ProviderServer
) -> None:
    second.forget_replies()
    piece = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": null}]}\n\n'
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    second.stream(piece, end)
    provider.reply({"error": {"message": "no balance"}}, status=402)
    provider.stream(piece, Cut())

    whole = chat(stream=True)
    broken = chat(stream=True)

    assert _SECOND in whole
    assert _FIRST in broken
    assert "error" in broken
    assert len(second.requests) == 1


def test_a_long_wait_for_the_first_model_is_not_waited_where_another_can_answer(
    acme: Aws, provider: ProviderServer, second: ProviderServer
) -> None:
    provider.reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "9"})

    assert chat()["model"] == _SECOND
    assert len(provider.requests) == 1


def test_a_model_that_is_down_is_not_asked_any_longer(
    acme: Aws, provider: ProviderServer, second: ProviderServer
) -> None:
    provider.reply({"error": {"message": "boom"}}, status=500, headers=_NOT_AGAIN)

    answers = [chat(request_id=str(number))["model"] for number in range(8)]

    assert answers == [_SECOND] * 8
    assert (len(provider.requests), len(second.requests)) == (5, 8)
    assert used(acme) == {_FIRST: 0, _SECOND: 56}
    today = datetime.now(UTC).date()
    days = bootstrap.usage_repository().days("acme", today - timedelta(days=1), today)
    assert {day.address: (day.calls, day.errors) for day in days} == {_FIRST: (0, 5), _SECOND: (8, 0)}


def test_fallbacks_are_set_and_shown_and_refused_by_name(acme: Aws) -> None:
    admin = import_module("functions.admin.handler").handler

    def defaults(**fields: Any) -> Any:
        return directly(admin, {"operation": "set_defaults", "tenant_id": "acme"} | fields)

    assert defaults()["fallbacks"] == {"llm_id": [_SECOND]}
    for fallbacks, param in (
        ({"llm_id": ["gone@OpenAI"]}, "fallbacks.llm_id[0]"),
        ({"llm_id": [_SECOND, _SECOND]}, "fallbacks.llm_id[1]"),
        ({"llm_id": [_FIRST]}, "fallbacks.llm_id[0]"),
        ({"tts_id": [_FIRST]}, "fallbacks.tts_id"),
        ({"chat": [_FIRST]}, "fallbacks.chat"),
    ):
        assert defaults(fallbacks=fallbacks)["error"]["param"] == param
    assert directly(admin, {"operation": "remove_model", "tenant_id": "acme", "model": _SECOND})["error"]["code"] == (
        "conflict"
    )
    assert defaults(llm_id=None)["fallbacks"] == {}


def test_vectors_of_another_model_are_no_fallback(bundle: Aws) -> None:
    add_tenant(bundle.settings, address="text-embedding-3-small@OpenAI", model_type=ModelType.EMBEDDING)
    service = bootstrap.tenant_models_service()
    for name, factory in (("text-embedding-3-small", "OpenAI-API-Compatible"), ("bge-m3", "Xinference")):
        model = TenantModel("acme", name, factory, ModelType.EMBEDDING, api_base="https://models.example.com/v1")
        service.register(model, "key-0123456789")

    same = "text-embedding-3-small@OpenAI-API-Compatible"
    tenant = service.set_defaults("acme", {}, {ModelType.EMBEDDING: [same]})
    assert tenant.fallbacks == {ModelType.EMBEDDING: (same,)}
    with pytest.raises(InvalidRequest, match="cannot be compared"):
        service.set_defaults("acme", {}, {ModelType.EMBEDDING: ["bge-m3@Xinference"]})
