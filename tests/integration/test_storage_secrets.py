import json
import logging
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from tenant_llm.domain.errors import CredentialMissing, InvalidRequest, ServiceUnavailable, TenantNotFound
from tenant_llm.domain.target import Credential
from tenant_llm.domain.tenant import Tenant
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tests.support.aws import Aws
from tests.support.faults import Proxy, refusal

KEY = {"api_key": "sk-0123456789-abcd"}
OTHER_KEY = {"api_key": "sk-9876543210-wxyz"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tenants(aws: Aws) -> TenantRepository:
    tenants = TenantRepository(aws.settings)
    tenants.create(Tenant("acme", "Acme"))
    return tenants


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(aws: Aws, tenants: TenantRepository, proxy: Proxy, clock: Clock) -> SecretStore:
    return SecretStore(aws.settings, tenants, clock=clock, sleep=lambda _: None)


def write_by_hand(aws: Aws, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    boto3.client("secretsmanager").create_secret(Name=f"{aws.settings.secret_prefix}acme", SecretString=text)


def claims(tenants: TenantRepository) -> Mapping[str, str]:
    tenant = tenants.find("acme")
    assert tenant is not None
    return tenant.credentials


def fields(credential: Credential | None) -> Mapping[str, str] | None:
    return None if credential is None else credential.fields


def test_a_key_comes_back_and_its_tail_is_claimed(store: SecretStore, tenants: TenantRepository) -> None:
    store.put("acme", "OpenAI", KEY)

    assert fields(store.find("acme", "gpt-4", "OpenAI")) == KEY
    assert claims(tenants) == {"OpenAI": "****abcd"}


@pytest.mark.parametrize(
    ("stored", "claim"),
    [
        ({"api_key": "elevenchars"}, "****"),
        ({"api_key": "twelve-chars"}, "****hars"),
        ({"access_key": "AKIA0123456789", "secret_key": "0123456789abcdef"}, "****"),
    ],
)
def test_a_claim_shows_little_of_a_key(
    store: SecretStore, tenants: TenantRepository, stored: dict[str, str], claim: str
) -> None:
    store.put("acme", "OpenAI", stored)

    assert claims(tenants) == {"OpenAI": claim}


def test_a_models_own_key_goes_before_its_factorys(store: SecretStore) -> None:
    store.put("acme", "OpenAI", KEY)
    store.put("acme", "gpt-4@OpenAI", OTHER_KEY)

    assert fields(store.find("acme", "gpt-4", "OpenAI")) == OTHER_KEY
    assert fields(store.find("acme", "gpt-5", "OpenAI")) == KEY
    assert store.find("acme", "gpt-4", "Groq") is None
    assert fields(store.at("acme", "OpenAI")) == KEY
    assert store.at("acme", "gpt-5@OpenAI") is None


def test_all_of_a_tenants_keys_are_read_once_in_a_while(store: SecretStore, proxy: Proxy, clock: Clock) -> None:
    store.put("acme", "OpenAI", KEY)
    store.put("acme", "Groq", OTHER_KEY)
    proxy.seen.clear()

    store.find("acme", "gpt-4", "OpenAI")
    clock.now += 299
    store.find("acme", "llama", "Groq")
    read = list(proxy.seen)
    clock.now += 2
    store.find("acme", "llama", "Groq")

    assert read == ["GetSecretValue"]
    assert proxy.seen == ["GetSecretValue"] * 2


def test_that_there_is_no_key_is_remembered_for_a_short_time(store: SecretStore, proxy: Proxy, clock: Clock) -> None:
    store.find("acme", "gpt-4", "OpenAI")
    clock.now += 14
    store.find("acme", "gpt-4", "OpenAI")
    read = list(proxy.seen)
    clock.now += 2
    store.find("acme", "gpt-4", "OpenAI")

    assert read == ["GetSecretValue"]
    assert proxy.seen == ["GetSecretValue"] * 2


def test_a_key_that_another_process_adds_is_found_soon(
    store: SecretStore, aws: Aws, tenants: TenantRepository, clock: Clock
) -> None:
    store.put("acme", "OpenAI", KEY)
    assert store.find("acme", "llama", "Groq") is None

    SecretStore(aws.settings, tenants).put("acme", "Groq", OTHER_KEY)
    clock.now += 16

    assert fields(store.find("acme", "llama", "Groq")) == OTHER_KEY


def test_a_forgotten_tenant_is_read_again(store: SecretStore, aws: Aws, tenants: TenantRepository) -> None:
    store.put("acme", "OpenAI", KEY)
    store.find("acme", "gpt-4", "OpenAI")
    SecretStore(aws.settings, tenants).put("acme", "OpenAI", OTHER_KEY)

    before = store.find("acme", "gpt-4", "OpenAI")
    store.forget("acme")
    after = store.find("acme", "gpt-4", "OpenAI")

    assert (fields(before), fields(after)) == (KEY, OTHER_KEY)


def test_a_tenant_sees_its_own_keys_alone(store: SecretStore, tenants: TenantRepository) -> None:
    tenants.create(Tenant("other"))
    store.put("acme", "OpenAI", KEY)
    store.put("other", "OpenAI", OTHER_KEY)

    assert fields(store.find("acme", "gpt-4", "OpenAI")) == KEY
    assert fields(store.find("other", "gpt-4", "OpenAI")) == OTHER_KEY


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("sk-plain", {"api_key": "sk-plain"}),
        ("12345", {"api_key": "12345"}),
        ('["not", "fields"]', {"api_key": '["not", "fields"]'}),
        ('{"ark_api_key": "k", "endpoint_id": 7}', {"ark_api_key": "k", "endpoint_id": "7"}),
        (
            {"api_key": "k", "group_id": 42, "beta": True, "none": None},
            {"api_key": "k", "group_id": "42", "beta": "true"},
        ),
        ({"google": {"project": "p"}}, {"google": '{"project": "p"}'}),
    ],
)
def test_keys_in_the_forms_of_other_tools_are_read(
    store: SecretStore, aws: Aws, stored: object, expected: dict[str, str]
) -> None:
    write_by_hand(aws, {"OpenAI": stored})

    assert fields(store.find("acme", "gpt-4", "OpenAI")) == expected


@pytest.mark.parametrize("text", ["sk-not-json", '["sk-not-json"]', "", '"sk-not-json"'])
def test_a_malformed_secret_is_an_error_that_does_not_quote_it(store: SecretStore, aws: Aws, text: str) -> None:
    write_by_hand(aws, text or " ")

    with pytest.raises(CredentialMissing, match="'acme' is not a JSON object") as caught:
        store.find("acme", "gpt-4", "OpenAI")

    assert caught.value.code == "credential_malformed"
    assert caught.value.__cause__ is None
    assert "sk-not-json" not in str(caught.value)


def test_a_malformed_key_is_an_error_at_its_place_alone(store: SecretStore, aws: Aws) -> None:
    write_by_hand(aws, {"OpenAI": ["sk-in-a-list"], "Groq": "sk-groq"})

    with pytest.raises(CredentialMissing, match="'OpenAI'") as caught:
        store.find("acme", "gpt-4", "OpenAI")

    assert "sk-in-a-list" not in str(caught.value)
    assert fields(store.find("acme", "llama", "Groq")) == {"api_key": "sk-groq"}


def test_nothing_is_put_into_a_secret_that_cannot_be_read(store: SecretStore, aws: Aws) -> None:
    write_by_hand(aws, "precious")

    with pytest.raises(CredentialMissing):
        store.put("acme", "OpenAI", KEY)

    stored = boto3.client("secretsmanager").get_secret_value(SecretId=f"{aws.settings.secret_prefix}acme")
    assert stored["SecretString"] == "precious"


def test_a_put_keeps_keys_that_were_written_by_hand(store: SecretStore, aws: Aws) -> None:
    write_by_hand(aws, {"OpenAI": "sk-by-hand"})

    store.put("acme", "Groq", KEY)

    assert fields(store.at("acme", "OpenAI")) == {"api_key": "sk-by-hand"}


def test_a_key_for_a_tenant_that_is_not_there_is_refused(store: SecretStore, proxy: Proxy) -> None:
    with pytest.raises(TenantNotFound):
        store.put("nobody", "OpenAI", KEY)

    assert store.find("nobody", "gpt-4", "OpenAI") is None


def test_keys_larger_than_a_secret_are_refused(store: SecretStore) -> None:
    store.put("acme", "OpenAI", KEY)

    with pytest.raises(InvalidRequest, match="65536") as caught:
        store.put("acme", "Groq", {"api_key": "k" * 65_536})

    assert "kkk" not in str(caught.value)
    assert fields(store.at("acme", "OpenAI")) == KEY


def test_a_removed_key_is_gone_and_the_others_stay(store: SecretStore, tenants: TenantRepository) -> None:
    store.put("acme", "OpenAI", KEY)
    store.put("acme", "Groq", OTHER_KEY)

    store.remove("acme", "OpenAI")
    store.remove("acme", "OpenAI")

    assert store.at("acme", "OpenAI") is None
    assert fields(store.at("acme", "Groq")) == OTHER_KEY
    assert claims(tenants) == {"Groq": "****wxyz"}


def test_the_last_keys_removal_deletes_the_secret_and_a_put_brings_one_back(
    store: SecretStore, aws: Aws, tenants: TenantRepository
) -> None:
    store.put("acme", "OpenAI", KEY)

    store.remove("acme", "OpenAI")
    listed = boto3.client("secretsmanager").list_secrets()["SecretList"]
    store.put("acme", "Groq", OTHER_KEY)

    assert listed == []
    assert store.at("acme", "OpenAI") is None
    assert fields(store.at("acme", "Groq")) == OTHER_KEY
    assert claims(tenants) == {"Groq": "****wxyz"}


def test_a_deleted_tenants_keys_are_gone_all_at_once(store: SecretStore, tenants: TenantRepository) -> None:
    store.put("acme", "OpenAI", KEY)
    store.put("acme", "Groq", OTHER_KEY)

    store.delete("acme")
    store.delete("acme")

    secrets = boto3.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert secrets == []
    assert claims(tenants) == {}
    assert store.at("acme", "OpenAI") is None


def test_keys_can_be_removed_after_their_tenant(store: SecretStore, tenants: TenantRepository) -> None:
    store.put("acme", "OpenAI", KEY)
    tenants.delete("acme")

    store.remove("acme", "OpenAI")

    assert store.at("acme", "OpenAI") is None
    assert tenants.find("acme") is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "DecryptionFailure"])
def test_a_refusal_of_aws_is_one_of_ours_and_is_not_remembered(store: SecretStore, proxy: Proxy, code: str) -> None:
    proxy.plan("GetSecretValue", [refusal(code)] * 4)

    with pytest.raises(ServiceUnavailable, match=code):
        store.find("acme", "gpt-4", "OpenAI")
    proxy.planned.clear()

    assert store.find("acme", "gpt-4", "OpenAI") is None


def test_a_key_is_in_no_repr_and_no_log(
    store: SecretStore, aws: Aws, tenants: TenantRepository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="tenant_llm")
    store.put("acme", "OpenAI", KEY)
    credential = store.find("acme", "gpt-4", "OpenAI")

    shown: list[Any] = [store, vars(store)["_known"], credential, tenants.find("acme")]

    assert KEY["api_key"] not in repr(shown)
    assert KEY["api_key"] not in caplog.text
