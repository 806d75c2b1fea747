from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import boto3
import pytest

from tenant_llm import bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    Conflict,
    CredentialMissing,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    TenantNotFound,
    UnsupportedModelType,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tenant_llm.services.tenant_models import TenantModelsService
from tests.support.aws import Aws, add_tenant

_DEFAULT = "gpt-4@OpenAI"
_KEY = "sk-of-the-model-9876543210"
_LISTED = TenantModel("tenant123", "gpt-4.1", "OpenAI", ModelType.CHAT)
_SELF_HOSTED = TenantModel(
    "tenant123", "BAAI/bge-m3", "OpenAI-API-Compatible", ModelType.EMBEDDING, api_base="https://1.1.1.1/v1"
)


@pytest.fixture
def service(aws: Aws) -> TenantModelsService:
    """The service over an AWS in which ``tenant123`` has ``gpt-4@OpenAI``, its default for chat, and OpenAI's key."""
    add_tenant(aws.settings, "tenant123", _DEFAULT)
    return bootstrap.tenant_models_service()


def test_a_tenant_gets_an_id_where_none_is_given(service: TenantModelsService) -> None:
    tenant = service.create("Acme GmbH")

    assert service.tenant(tenant.tenant_id).name == "Acme GmbH"
    assert len(tenant.tenant_id) == 32


def test_a_tenant_is_created_under_the_id_given(service: TenantModelsService) -> None:
    service.create("Acme GmbH", "acme")

    assert {tenant.tenant_id for tenant in service.tenants()} == {"acme", "tenant123"}


def test_an_id_is_given_once(service: TenantModelsService) -> None:
    with pytest.raises(Conflict, match="'tenant123'"):
        service.create("Another", "tenant123")


@pytest.mark.parametrize(("name", "tenant_id", "param"), [("", None, "name"), ("Acme", "a/b", "tenant_id")])
def test_nothing_is_created_under_a_wrong_name_or_id(
    service: TenantModelsService, name: str, tenant_id: str | None, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        service.create(name, tenant_id)

    assert caught.value.param == param
    assert [tenant.tenant_id for tenant in service.tenants()] == ["tenant123"]


def test_a_registered_model_is_there_with_its_own_key(service: TenantModelsService) -> None:
    stored = service.register(replace(_LISTED, max_tokens=1000, is_tools=True), _KEY)

    assert stored in service.models("tenant123")
    assert (stored.max_tokens, stored.is_tools, stored.used_tokens) == (1000, True, 0)
    assert service.tenant("tenant123").credentials["gpt-4.1@OpenAI"] == "****3210"
    found = bootstrap.secret_store().find("tenant123", "gpt-4.1", "OpenAI")
    assert found is not None
    assert found.get("api_key") == _KEY


def test_registering_again_keeps_what_was_used(service: TenantModelsService) -> None:
    service.register(_LISTED)
    config = bootstrap.resolution().config("tenant123", ModelType.CHAT, _LISTED.address)
    bootstrap.usage_service().settle(Caller("tenant123", "r1", Deadline.after(5)), config, Usage(30, 20))

    stored = service.register(replace(_LISTED, max_tokens=1000))

    assert (stored.used_tokens, stored.max_tokens) == (50, 1000)


def test_a_self_hosted_model_brings_its_own_address(service: TenantModelsService) -> None:
    assert service.register(_SELF_HOSTED).api_base == "https://1.1.1.1/v1"


@pytest.mark.parametrize("suffix", ["", "___OpenAI-API"])
def test_a_models_name_is_stored_as_it_is(service: TenantModelsService, suffix: str) -> None:
    stored = service.register(replace(_SELF_HOSTED, llm_name=f"BAAI/bge-m3{suffix}"))

    assert stored.address == f"BAAI/bge-m3{suffix}@OpenAI-API-Compatible"


@pytest.mark.parametrize(
    ("changes", "api_key", "param"),
    [
        ({"llm_factory": "openai"}, _KEY, "llm_factory"),
        ({"llm_factory": ""}, _KEY, "llm_factory"),
        ({"llm_name": ""}, _KEY, "llm_name"),
        ({"llm_name": "a\nb"}, _KEY, "llm_name"),
        ({}, {"api_kye": _KEY}, "api_key.api_kye"),
        ({}, {}, "api_key.api_key"),
        ({}, "", "api_key.api_key"),
        ({"llm_factory": "OpenAI-API-Compatible"}, None, "api_base"),
        ({"api_base": "http://127.0.0.1:9997/v1"}, _KEY, "api_base"),
        ({"api_base": "https://169.254.169.254/latest"}, _KEY, "api_base"),
        ({"api_base": ""}, _KEY, "api_base"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_written(
    service: TenantModelsService, changes: dict[str, Any], api_key: Any, param: str
) -> None:
    before = (service.models("tenant123"), service.tenant("tenant123"))

    with pytest.raises(InvalidRequest) as caught:
        service.register(replace(_LISTED, **changes), api_key)

    assert caught.value.param == param
    assert _KEY not in caught.value.message
    assert (service.models("tenant123"), service.tenant("tenant123")) == before


def test_a_type_that_the_factory_lacks_is_refused_and_nothing_is_written(service: TenantModelsService) -> None:
    before = service.tenant("tenant123")

    with pytest.raises(UnsupportedModelType, match="'OpenAI' cannot serve 'rerank'"):
        service.register(replace(_LISTED, model_type=ModelType.RERANK), _KEY)

    assert service.tenant("tenant123") == before
    assert [row.address for row in service.models("tenant123")] == [_DEFAULT]


def test_a_key_that_cannot_be_stored_leaves_no_model(service: TenantModelsService, aws: Aws) -> None:
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId=f"{aws.settings.secret_prefix}tenant123", SecretString="[]")

    with pytest.raises(CredentialMissing):
        service.register(_LISTED, _KEY)

    assert [row.address for row in service.models("tenant123")] == [_DEFAULT]


def test_a_model_that_cannot_be_stored_can_be_registered_again(
    service: TenantModelsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(bootstrap.tenant_llm_repository(), "put", _refuse)
        with pytest.raises(ServiceUnavailable):
            service.register(_LISTED, _KEY)

    stored = service.register(_LISTED, _KEY)

    assert stored in service.models("tenant123")
    assert service.tenant("tenant123").credentials[stored.address] == "****3210"


def _refuse(model: TenantModel) -> NoReturn:
    raise ServiceUnavailable("storage refuses: as the test wants it")


def test_nobodys_model_is_refused(service: TenantModelsService) -> None:
    with pytest.raises(TenantNotFound):
        service.register(replace(_LISTED, tenant_id="nobody"), _KEY)


def test_an_unregistered_model_goes_with_its_own_key_and_leaves_its_factorys(service: TenantModelsService) -> None:
    service.register(_LISTED, _KEY)

    service.unregister("tenant123", _LISTED.address)

    assert [row.address for row in service.models("tenant123")] == [_DEFAULT]
    assert set(service.tenant("tenant123").credentials) == {"OpenAI"}


def test_a_default_cannot_be_unregistered(service: TenantModelsService) -> None:
    with pytest.raises(Conflict, match="'llm_id'"):
        service.unregister("tenant123", _DEFAULT)

    assert [row.address for row in service.models("tenant123")] == [_DEFAULT]


def test_a_model_that_is_not_there_cannot_be_unregistered(service: TenantModelsService) -> None:
    with pytest.raises(NotFound, match=r"'gpt-4\.1@OpenAI'"):
        service.unregister("tenant123", _LISTED.address)


def test_defaults_are_set_by_type_and_others_stay(service: TenantModelsService) -> None:
    service.register(_SELF_HOSTED)

    tenant = service.set_defaults("tenant123", {ModelType.EMBEDDING: _SELF_HOSTED.address})

    assert tenant.defaults == {ModelType.CHAT: _DEFAULT, ModelType.EMBEDDING: _SELF_HOSTED.address}


def test_a_default_is_cleared_by_none(service: TenantModelsService) -> None:
    tenant = service.set_defaults("tenant123", {ModelType.CHAT: None})

    assert tenant.defaults == {}


def test_no_change_leaves_the_defaults(service: TenantModelsService) -> None:
    assert service.set_defaults("tenant123", {}).defaults == {ModelType.CHAT: _DEFAULT}


def test_a_bare_name_becomes_the_address_it_stands_for(service: TenantModelsService) -> None:
    service.set_defaults("tenant123", {ModelType.CHAT: None})

    assert service.set_defaults("tenant123", {ModelType.CHAT: "gpt-4"}).defaults == {ModelType.CHAT: _DEFAULT}


@pytest.mark.parametrize(
    ("model_type", "model", "param"),
    [
        (ModelType.CHAT, "gpt-5@OpenAI", "llm_id"),
        (ModelType.CHAT, "gpt-4@Azure-OpenAI", "llm_id"),
        (ModelType.EMBEDDING, _DEFAULT, "embd_id"),
        (ModelType.RERANK, _DEFAULT, "rerank_id"),
        (ModelType.TTS, "nothing", "tts_id"),
        (ModelType.CHAT, "", "llm_id"),
    ],
)
def test_a_model_that_the_tenant_cannot_call_is_no_default(
    service: TenantModelsService, model_type: ModelType, model: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        service.set_defaults("tenant123", {model_type: model})

    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param} is {model!r}: ")
    assert service.tenant("tenant123").defaults == {ModelType.CHAT: _DEFAULT}


def test_one_wrong_default_leaves_all_as_they_were(service: TenantModelsService) -> None:
    with pytest.raises(InvalidRequest):
        service.set_defaults("tenant123", {ModelType.CHAT: None, ModelType.TTS: "nothing"})

    assert service.tenant("tenant123").defaults == {ModelType.CHAT: _DEFAULT}


def test_a_key_is_stored_for_a_factory_or_one_model(service: TenantModelsService) -> None:
    service.put_credential("tenant123", "OpenAI", _KEY)
    tenant = service.put_credential("tenant123", "qwen@q4@OpenAI", {"api_key": _KEY})

    assert dict(tenant.credentials) == {"OpenAI": "****3210", "qwen@q4@OpenAI": "****3210"}


@pytest.mark.parametrize("place", ["Nobody", "gpt-4", "gpt-4@Nobody", "@OpenAI", "a\nb@OpenAI", ""])
def test_a_key_has_to_belong_to_a_factory(service: TenantModelsService, place: str) -> None:
    with pytest.raises(InvalidRequest):
        service.put_credential("tenant123", place, _KEY)

    assert set(service.tenant("tenant123").credentials) == {"OpenAI"}


def test_a_removed_key_is_gone(service: TenantModelsService) -> None:
    service.remove_credential("tenant123", "OpenAI")

    assert service.tenant("tenant123").credentials == {}
    assert bootstrap.secret_store().find("tenant123", "gpt-4", "OpenAI") is None


def test_a_key_that_is_not_there_cannot_be_removed(service: TenantModelsService) -> None:
    with pytest.raises(NotFound, match="'gpt-4@OpenAI'"):
        service.remove_credential("tenant123", _DEFAULT)


def test_a_token_opens_its_tenant_until_it_is_revoked(service: TenantModelsService) -> None:
    secret, token = service.issue_token("tenant123", "staging")
    opened = bootstrap.token_repository().tenant_of(secret)

    service.revoke_token("tenant123", token.token_id)

    assert opened == "tenant123"
    assert bootstrap.token_repository().tenant_of(secret) is None


def test_tokens_are_listed_by_what_may_be_known_of_them(service: TenantModelsService) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    secret, token = service.issue_token("tenant123", "staging", expires)

    assert [(item.label, item.expires_at) for item in service.tokens("tenant123")] == [("staging", expires)]
    assert secret not in repr(token)


def test_another_tenants_token_cannot_be_revoked(service: TenantModelsService) -> None:
    service.create("Acme", "acme")
    secret, token = service.issue_token("acme", "staging")

    with pytest.raises(NotFound):
        service.revoke_token("tenant123", token.token_id)

    assert bootstrap.token_repository().tenant_of(secret) == "acme"


def test_a_deleted_tenant_leaves_nothing_but_its_ledger(service: TenantModelsService) -> None:
    secret, _ = service.issue_token("tenant123", "staging")
    assert bootstrap.usage_service().increase("tenant123", ModelType.CHAT, 50) == 1

    service.delete("tenant123")

    with pytest.raises(TenantNotFound):
        service.tenant("tenant123")
    today = datetime.now(UTC).date()
    days = bootstrap.usage_repository().days("tenant123", today - timedelta(days=1), today)
    assert bootstrap.token_repository().tenant_of(secret) is None
    assert bootstrap.tenant_llm_repository().list("tenant123") == []
    assert bootstrap.secret_store().find("tenant123", "gpt-4", "OpenAI") is None
    assert [day.total_tokens for day in days] == [50]


def test_deleting_a_tenant_leaves_the_others(service: TenantModelsService, aws: Aws) -> None:
    add_tenant(aws.settings, "acme")
    secret, _ = service.issue_token("acme", "staging")

    service.delete("tenant123")

    assert set(service.tenant("acme").credentials) == {"OpenAI"}
    assert [row.address for row in service.models("acme")] == [_DEFAULT]
    assert bootstrap.token_repository().tenant_of(secret) == "acme"


@pytest.mark.parametrize("verb", ["tenant", "delete", "models", "tokens"])
def test_nobody_is_not_found(service: TenantModelsService, verb: str) -> None:
    with pytest.raises(TenantNotFound):
        getattr(service, verb)("nobody")
