"""Which model is meant, as contract.md's first table says, against stored rows."""

import pytest

from tenant_llm import LLMType, TenantLLMService
from tenant_llm.domain import errors
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import Tenant, TenantModel
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tests.support.aws import Aws, add_tenant, recorded

_CHAT = LLMType.CHAT.value
_SERVER = "https://models.example.com/v1"


def put(bundle: Aws, address: str, model_type: ModelType = ModelType.CHAT, **fields: object) -> None:
    llm_name, _, factory = address.rpartition("@")
    base = None if factory in ("OpenAI", "DeepSeek", "Groq") else _SERVER
    row = TenantModel("acme", llm_name, factory, model_type, **({"api_base": base} | fields))  # type: ignore[arg-type]
    TenantLLMRepository(bundle.settings).put(row)


def found(name: str | None = None, llm_type: str = _CHAT) -> str:
    config = TenantLLMService.get_model_config("acme", llm_type, name)
    return f"{config['llm_name']}@{config['llm_factory']}"


def test_a_full_address_is_its_row_with_its_key(bundle: Aws) -> None:
    add_tenant(bundle.settings)

    config = TenantLLMService.get_model_config("acme", _CHAT, "gpt-4@OpenAI")

    assert config == {
        "llm_factory": "OpenAI",
        "llm_name": "gpt-4",
        "api_base": "https://api.openai.com/v1",
        "model_type": "chat",
        "max_tokens": 8191,
        "is_tools": config["is_tools"],
        "api_key": "sk-of-acme-0123456789",
    }


def test_without_a_name_the_tenants_default_of_the_type_is_meant(bundle: Aws) -> None:
    add_tenant(bundle.settings)

    assert found() == "gpt-4@OpenAI"


@pytest.mark.parametrize("llm_type", [kind for kind in ModelType if kind is not ModelType.CHAT])
def test_a_type_without_a_default_says_so(bundle: Aws, llm_type: ModelType) -> None:
    add_tenant(bundle.settings)

    with pytest.raises(LookupError, match=rf"^Type of {llm_type} model is not set\.$"):
        found(None, llm_type)


@pytest.mark.parametrize("llm_type", list(ModelType))
def test_the_name_is_honoured_for_every_type(bundle: Aws, llm_type: ModelType) -> None:
    add_tenant(bundle.settings, address="first@OpenAI-API-Compatible", model_type=llm_type, api_base=_SERVER)
    put(bundle, "second@OpenAI-API-Compatible", llm_type)

    assert found("second@OpenAI-API-Compatible", llm_type) == "second@OpenAI-API-Compatible"


def test_an_unknown_tenant_is_told_apart_from_an_unknown_model(bundle: Aws) -> None:
    add_tenant(bundle.settings)

    with pytest.raises(LookupError, match=r"^Tenant not found$"):
        TenantLLMService.get_model_config("nobody", _CHAT, "gpt-4@OpenAI")
    with pytest.raises(LookupError, match=r"^Model\(gpt-9@OpenAI\) not authorized$"):
        found("gpt-9@OpenAI")


def test_an_unknown_type_is_named(bundle: Aws) -> None:
    add_tenant(bundle.settings)

    with pytest.raises(errors.InvalidRequest, match="'poetry'") as caught:
        found(None, "poetry")

    assert caught.value.param == "llm_type"


@pytest.mark.parametrize(
    ("factory", "suffix"),
    [
        ("LocalAI", "___LocalAI"),
        ("HuggingFace", "___HuggingFace"),
        ("OpenAI-API-Compatible", "___OpenAI-API"),
        ("VLLM", "___VLLM"),
    ],
)
def test_a_row_stored_under_its_legacy_name_is_found_and_called_by_its_own(
    bundle: Aws, factory: str, suffix: str
) -> None:
    kind = ModelType.EMBEDDING
    add_tenant(bundle.settings)
    put(bundle, f"m{suffix}@{factory}", kind)

    row = TenantLLMService.get_api_key("acme", f"m@{factory}")

    assert row is not None
    assert row.llm_name == f"m{suffix}"
    assert found(f"m@{factory}", kind) == f"m{suffix}@{factory}"


def test_a_bare_name_is_the_best_ranked_factorys(bundle: Aws) -> None:
    add_tenant(bundle.settings, address="m@VLLM", api_base=_SERVER)
    put(bundle, "m@OpenAI")
    put(bundle, "m@OpenAI-API-Compatible")

    assert found("m") == "m@OpenAI"


def test_a_bare_name_with_an_at_sign_finds_only_its_own_rows(bundle: Aws) -> None:
    add_tenant(bundle.settings, address="qwen@q4@OpenAI-API-Compatible", api_base=_SERVER)

    assert found("qwen@q4") == "qwen@q4@OpenAI-API-Compatible"
    with pytest.raises(LookupError):
        found("qwen")


def test_the_same_name_at_another_factory_of_the_tenant_stands_in(bundle: Aws) -> None:
    add_tenant(bundle.settings, address="m@OpenAI")

    assert found("m@DeepSeek") == "m@OpenAI"
    assert TenantLLMService.get_api_key("acme", "m@DeepSeek") is None


def test_a_disabled_row_is_not_authorized(bundle: Aws) -> None:
    add_tenant(bundle.settings)
    put(bundle, "gpt-4@OpenAI", status="0")

    with pytest.raises(LookupError, match="not authorized"):
        found("gpt-4@OpenAI")


def test_a_chat_model_may_look_at_images_but_not_embed(bundle: Aws) -> None:
    add_tenant(bundle.settings)

    assert found("gpt-4@OpenAI", "image2text") == "gpt-4@OpenAI"
    with pytest.raises(errors.UnsupportedModelType, match="'gpt-4@OpenAI' is of type 'chat', not 'embedding'"):
        found("gpt-4@OpenAI", "embedding")


def test_a_type_that_the_factory_does_not_offer_names_both_and_builds_nothing(bundle: Aws) -> None:
    add_tenant(bundle.settings, address="m@OpenAI", model_type=ModelType.RERANK)

    with pytest.raises(errors.UnsupportedModelType, match=r"'OpenAI' cannot serve 'rerank'"):
        found("m@OpenAI", "rerank")
    assert TenantLLMService.model_instance("acme", "rerank", "m@OpenAI") is None


def test_a_built_in_model_needs_no_row_where_the_operator_serves_it(
    bundle: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    TenantRepository(bundle.settings).create(Tenant("acme"))
    with pytest.raises(LookupError, match="not authorized"):
        found("BAAI/bge-large-zh-v1.5@BAAI", "embedding")
    monkeypatch.setenv("BUILTIN_BASE_URL", "http://tei.internal:8080/{model}")
    from tenant_llm import bootstrap

    bootstrap.reset()

    config = TenantLLMService.get_model_config("acme", "embedding", "BAAI/bge-large-zh-v1.5@BAAI")

    assert (config["api_base"], config["api_key"]) == ("http://tei.internal:8080/BAAI%2Fbge-large-zh-v1.5", None)


def test_two_tenants_of_one_name_see_their_own_rows_and_keys(bundle: Aws) -> None:
    add_tenant(bundle.settings, "acme", api_key="sk-of-acme-0000000000")
    add_tenant(bundle.settings, "rival", api_key="sk-of-rival-000000000")
    add_tenant(bundle.settings, "guest", address="other@OpenAI", api_key=None)

    keys = {
        tenant: TenantLLMService.get_model_config(tenant, _CHAT, "gpt-4@OpenAI")["api_key"]
        for tenant in ("acme", "rival", "acme")
    }

    assert keys == {"acme": "sk-of-acme-0000000000", "rival": "sk-of-rival-000000000"}
    with pytest.raises(LookupError):
        TenantLLMService.get_model_config("guest", _CHAT, "gpt-4@OpenAI")
    assert TenantLLMService.get_api_key("guest", "gpt-4@OpenAI") is None


def test_a_known_config_is_looked_up_once(bundle: Aws) -> None:
    add_tenant(bundle.settings)
    found("gpt-4@OpenAI")

    with recorded() as calls:
        found("gpt-4@OpenAI")

    assert calls == []


def test_my_llms_are_the_rows_that_can_be_called(bundle: Aws) -> None:
    add_tenant(bundle.settings)
    put(bundle, "keyless@VLLM")
    put(bundle, "no-key@DeepSeek")

    rows = TenantLLMService.get_my_llms("acme")

    assert [row["llm_name"] for row in rows] == ["gpt-4", "keyless"]
    assert rows[0].keys() == {"llm_factory", "logo", "tags", "model_type", "llm_name", "used_tokens", "status"}


def test_openai_models_are_every_tenants_but_for_two_embeddings(bundle: Aws) -> None:
    add_tenant(bundle.settings, "acme")
    add_tenant(bundle.settings, "rival", address="text-embedding-3-small@OpenAI", model_type=ModelType.EMBEDDING)
    add_tenant(bundle.settings, "third", address="text-embedding-ada-002@OpenAI", model_type=ModelType.EMBEDDING)

    rows = TenantLLMService.get_openai_models()

    assert sorted((row["tenant_id"], row["llm_name"]) for row in rows) == [
        ("acme", "gpt-4"),
        ("third", "text-embedding-ada-002"),
    ]


def test_a_type_is_the_catalogues_else_a_rows_else_unknown(bundle: Aws) -> None:
    add_tenant(bundle.settings, address="house-model@VLLM", model_type=ModelType.RERANK, api_base=_SERVER)

    assert TenantLLMService.llm_id2llm_type("text-embedding-3-small@OpenAI") == "embedding"
    assert TenantLLMService.llm_id2llm_type("house-model") == "rerank"
    assert TenantLLMService.llm_id2llm_type("nobody-knows-it") is None
