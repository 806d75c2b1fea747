from datetime import UTC, datetime, timedelta

import pytest

from tenant_llm.domain.errors import Conflict, TenantNotFound
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import ApiToken, Tenant
from tenant_llm.repositories.api_token import ApiTokenRepository
from tenant_llm.repositories.tenant import TenantRepository
from tests.support.aws import Aws, recorded

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def tenants(aws: Aws) -> TenantRepository:
    return TenantRepository(aws.settings)


@pytest.fixture
def tokens(aws: Aws) -> ApiTokenRepository:
    return ApiTokenRepository(aws.settings, now=lambda: NOW)


def test_a_tenant_comes_back_as_it_was_created(tenants: TenantRepository) -> None:
    tenant = Tenant("acme", "Acme", {ModelType.CHAT: "gpt-4@OpenAI", ModelType.TTS: "tts-1@OpenAI"})

    tenants.create(tenant)

    assert tenants.find("acme") == tenant
    assert tenants.find("other") is None


def test_finding_a_tenant_is_one_item_read(tenants: TenantRepository) -> None:
    with recorded() as calls:
        tenants.find("acme")

    assert [name for name, _ in calls] == ["GetItem"]


def test_a_tenant_is_not_created_over_another(tenants: TenantRepository) -> None:
    tenants.create(Tenant("acme", "First"))

    with pytest.raises(Conflict, match="'acme'"):
        tenants.create(Tenant("acme", "Second"))

    assert tenants.find("acme") == Tenant("acme", "First")


def test_defaults_are_set_and_taken_away_one_by_one(tenants: TenantRepository) -> None:
    tenants.create(Tenant("acme", "Acme", {ModelType.CHAT: "gpt-4@OpenAI", ModelType.TTS: "tts-1@OpenAI"}))

    tenants.set_defaults("acme", {ModelType.CHAT: None, ModelType.RERANK: "r@Jina"})

    assert tenants.find("acme") == Tenant("acme", "Acme", {ModelType.TTS: "tts-1@OpenAI", ModelType.RERANK: "r@Jina"})


def test_defaults_do_not_make_a_tenant(tenants: TenantRepository) -> None:
    with pytest.raises(TenantNotFound):
        tenants.set_defaults("acme", {ModelType.CHAT: "gpt-4@OpenAI"})

    assert tenants.find("acme") is None


def test_claims_are_replaced_only_in_the_version_they_were_read_in(tenants: TenantRepository) -> None:
    tenants.create(Tenant("acme", "Acme"))
    read = tenants.find("acme")
    assert read is not None

    first = tenants.replace_credentials(read, {"OpenAI": "****1234"})
    second = tenants.replace_credentials(read, {"Groq": "****5678"})

    assert (first, second) == (True, False)
    assert tenants.find("acme") == Tenant("acme", "Acme", {}, {"OpenAI": "****1234"}, version=1)


def test_claims_do_not_make_a_tenant(tenants: TenantRepository) -> None:
    assert tenants.replace_credentials(Tenant("acme"), {"OpenAI": "****"}) is False
    assert tenants.find("acme") is None


def test_a_place_may_hold_what_means_something_in_expressions(tenants: TenantRepository) -> None:
    place = "a.b[0]#:x@OpenAI"
    tenants.create(Tenant("acme"))

    tenants.replace_credentials(Tenant("acme"), {place: "****"})

    found = tenants.find("acme")
    assert found is not None
    assert found.credentials == {place: "****"}


def test_all_tenants_are_listed_and_a_deleted_one_no_more(tenants: TenantRepository) -> None:
    for name in ("a", "b", "c"):
        tenants.create(Tenant(name))

    tenants.delete("b")
    tenants.delete("b")

    assert sorted(tenant.tenant_id for tenant in tenants.list()) == ["a", "c"]


def test_a_token_stands_for_its_tenant(tokens: ApiTokenRepository) -> None:
    token, kept = tokens.issue("acme", "laptop", NOW + timedelta(days=1))

    assert token.startswith("tllm_")
    assert tokens.tenant_of(token) == "acme"
    assert kept == ApiToken("acme", kept.token_id, "laptop", NOW, NOW + timedelta(days=1))


def test_tokens_differ_and_have_256_bits(tokens: ApiTokenRepository) -> None:
    issued = [tokens.issue("acme", "x")[0] for _ in range(3)]

    assert len(set(issued)) == 3
    assert all(len(token.removeprefix("tllm_")) == 43 for token in issued)  # 32 bytes in base64


def test_the_table_holds_nothing_that_opens_anything(tokens: ApiTokenRepository) -> None:
    with recorded() as calls:
        token, _ = tokens.issue("acme", "laptop")

    [(name, body)] = calls
    assert name == "PutItem"
    assert token not in str(body)
    assert token.removeprefix("tllm_") not in str(body)


@pytest.mark.parametrize("token", ["", "tllm_", "tllm_unknown", "Bearer tllm_x", "sk-abc"])
def test_an_unknown_token_stands_for_nobody(tokens: ApiTokenRepository, token: str) -> None:
    tokens.issue("acme", "laptop")

    assert tokens.tenant_of(token) is None


def test_a_token_of_another_kind_is_refused_without_a_read(tokens: ApiTokenRepository) -> None:
    with recorded() as calls:
        tokens.tenant_of("sk-abc")

    assert calls == []


def test_an_expired_token_stands_for_nobody_though_it_is_still_stored(aws: Aws) -> None:
    token, _ = ApiTokenRepository(aws.settings, now=lambda: NOW).issue("acme", "short", NOW + timedelta(hours=1))
    later = ApiTokenRepository(aws.settings, now=lambda: NOW + timedelta(hours=1))

    assert later.tenant_of(token) is None
    assert later.list("acme") == []


def test_tokens_are_listed_by_tenant_oldest_first(aws: Aws) -> None:
    second = ApiTokenRepository(aws.settings, now=lambda: NOW + timedelta(seconds=1)).issue("acme", "second")[1]
    tokens = ApiTokenRepository(aws.settings, now=lambda: NOW)
    first = tokens.issue("acme", "first")[1]
    tokens.issue("other", "third")

    assert tokens.list("acme") == [first, second]


def test_a_revoked_token_stands_for_nobody(tokens: ApiTokenRepository) -> None:
    token, kept = tokens.issue("acme", "laptop")
    other, _ = tokens.issue("acme", "phone")

    assert tokens.revoke("acme", kept.token_id) is True

    assert tokens.tenant_of(token) is None
    assert tokens.tenant_of(other) == "acme"
    assert tokens.revoke("acme", kept.token_id) is False


def test_a_tenant_cannot_revoke_another_s_token(tokens: ApiTokenRepository) -> None:
    token, kept = tokens.issue("acme", "laptop")

    assert tokens.revoke("other", kept.token_id) is False
    assert tokens.tenant_of(token) == "acme"
