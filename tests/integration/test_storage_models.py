from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.template import tables
from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.tenant_llm import TenantLLM, TenantLLMRepository
from tenant_llm.repositories.usage_ledger import UsageRepository
from tests.support.aws import Aws, recorded
from tests.support.faults import Proxy, refusal

GPT = TenantModel("acme", "gpt-4", "OpenAI", ModelType.CHAT)


@pytest.fixture
def models(aws: Aws) -> TenantLLMRepository:
    return TenantLLMRepository(aws.settings)


def test_a_model_comes_back_as_it_was_put(models: TenantLLMRepository) -> None:
    model = replace(GPT, api_base="https://llm.acme.example/v1", max_tokens=128_000, is_tools=True, status="0")

    stored = models.put(model)

    assert stored == model
    assert models.find("acme", "gpt-4@OpenAI") == model


def test_finding_a_model_is_one_item_read(models: TenantLLMRepository) -> None:
    models.put(GPT)

    with recorded() as calls:
        models.find("acme", "gpt-4@OpenAI")

    assert [name for name, _ in calls] == ["GetItem"]


def test_a_model_that_is_not_there_is_none(models: TenantLLMRepository) -> None:
    models.put(GPT)

    assert models.find("acme", "gpt-4") is None
    assert models.find("other", "gpt-4@OpenAI") is None


def test_a_bare_name_is_one_query(models: TenantLLMRepository) -> None:
    models.put(GPT)

    with recorded() as calls:
        found = models.named("acme", "gpt-4")

    assert found == [GPT]
    assert [name for name, _ in calls] == ["Query"]


def test_a_bare_name_finds_it_under_every_factory_of_the_tenant_alone(models: TenantLLMRepository) -> None:
    azure = replace(GPT, llm_factory="Azure-OpenAI")
    for model in (GPT, azure, replace(GPT, tenant_id="other"), replace(GPT, llm_name="gpt-4o")):
        models.put(model)

    assert models.named("acme", "gpt-4") == [azure, GPT]


def test_a_name_may_hold_an_at_sign(models: TenantLLMRepository) -> None:
    quantised = replace(GPT, llm_name="qwen3@q4", llm_factory="LM-Studio")
    plain = replace(GPT, llm_name="qwen3", llm_factory="LM-Studio")
    models.put(quantised)
    models.put(plain)

    assert models.named("acme", "qwen3") == [plain]
    assert models.named("acme", "qwen3@q4") == [quantised]
    assert models.find("acme", "qwen3@q4@LM-Studio") == quantised


def test_a_model_put_again_keeps_what_it_has_used_and_loses_what_is_no_longer_said(
    models: TenantLLMRepository, aws: Aws
) -> None:
    models.put(replace(GPT, api_base="https://old.example", max_tokens=1))
    UsageRepository(aws.settings).settle(
        Settlement("acme", "r", "gpt-4", "OpenAI", ModelType.CHAT, Usage(5, 6), datetime.now(UTC), "gpt-4@OpenAI")
    )

    stored = models.put(replace(GPT, used_tokens=0))

    assert stored == replace(GPT, used_tokens=11)


def test_a_delete_says_whether_there_was_a_model(models: TenantLLMRepository) -> None:
    models.put(GPT)

    assert models.delete("acme", "gpt-4@OpenAI") is True
    assert models.delete("acme", "gpt-4@OpenAI") is False
    assert models.find("acme", "gpt-4@OpenAI") is None


def test_the_models_of_a_tenant_come_by_address(models: TenantLLMRepository) -> None:
    for name in ("b", "a", "c"):
        models.put(replace(GPT, llm_name=name))
    models.put(replace(GPT, tenant_id="other"))

    assert [model.address for model in models.list("acme")] == ["a@OpenAI", "b@OpenAI", "c@OpenAI"]


def test_a_factory_s_models_are_read_page_by_page_over_all_tenants(models: TenantLLMRepository) -> None:
    long_url = "https://" + "x" * 300_000
    stored = [replace(GPT, tenant_id=f"tenant-{number}", api_base=long_url) for number in range(6)]
    for model in (*stored, replace(GPT, llm_factory="Groq")):
        models.put(model)

    with recorded() as calls:
        found = list(models.of_factory("OpenAI"))

    assert found == stored
    assert [name for name, _ in calls] == ["Query", "Query"]


def test_the_index_over_factories_holds_what_is_read_from_it_and_no_counter() -> None:
    indexes = tables()["TenantLLMTable"]["GlobalSecondaryIndexes"]
    projections = {index["IndexName"]: index["Projection"] for index in indexes}

    assert projections == {
        "by_factory": {
            "ProjectionType": "INCLUDE",
            "NonKeyAttributes": TenantLLM.by_factory.Meta.projection.non_key_attributes,
        },
        "by_name": {"ProjectionType": "KEYS_ONLY"},
    }
    assert "used_tokens" not in projections["by_factory"]["NonKeyAttributes"]


def test_the_types_of_a_name_cost_a_query_a_type_however_many_tenants_have_it(models: TenantLLMRepository) -> None:
    for number in range(5):
        models.put(replace(GPT, tenant_id=f"tenant-{number}", model_type=ModelType.IMAGE2TEXT))
        models.put(replace(GPT, tenant_id=f"tenant-{number}", llm_factory="Groq"))

    with recorded() as calls:
        types = models.types_of("gpt-4")

    assert types == [ModelType.CHAT, ModelType.IMAGE2TEXT]
    assert [body["Limit"] for _, body in calls] == [1, 1, 1]


def test_an_unknown_name_has_no_types(models: TenantLLMRepository) -> None:
    assert models.types_of("gpt-4") == []


def test_a_table_that_is_missing_is_a_refusal_of_ours(aws: Aws) -> None:
    models = TenantLLMRepository(replace(aws.settings, tenant_llm_table="nowhere"))

    with pytest.raises(ServiceUnavailable, match="ResourceNotFoundException"):
        models.find("acme", "gpt-4@OpenAI")


def test_a_write_that_meets_a_settlement_is_tried_again(aws: Aws, proxy: Proxy) -> None:
    models = TenantLLMRepository(aws.settings, sleep=lambda _: None)
    proxy.plan("UpdateItem", [refusal("TransactionConflictException")] * 2)
    proxy.plan("DeleteItem", [refusal("TransactionConflictException")])

    stored = models.put(GPT)
    deleted = models.delete("acme", "gpt-4@OpenAI")

    assert (stored, deleted) == (GPT, True)
    assert proxy.seen == ["UpdateItem"] * 3 + ["DeleteItem"] * 2


def test_a_write_that_keeps_meeting_settlements_is_given_up(aws: Aws, proxy: Proxy) -> None:
    models = TenantLLMRepository(aws.settings, sleep=lambda _: None)
    proxy.plan("UpdateItem", [refusal("TransactionConflictException")] * 8)

    with pytest.raises(ServiceUnavailable, match="8 writes"):
        models.put(GPT)
