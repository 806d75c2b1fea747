import pytest

from tenant_llm.settings import Settings

_TABLES = {
    "TENANT_LLM_TABLE": "a",
    "TENANT_TABLE": "b",
    "USAGE_TABLE": "c",
    "API_TOKEN_TABLE": "d",
    "SECRET_PREFIX": "e/",
}


def test_variables_are_the_fields_in_capitals_and_take_their_types() -> None:
    env = _TABLES | {"PROVIDER_ATTEMPTS": "5", "CONFIG_TTL": "1.5", "ALLOW_PRIVATE_PROVIDERS": "true"}

    settings = Settings.from_env(env)

    assert settings.usage_table == "c"
    assert settings.provider_attempts == 5
    assert settings.config_ttl == 1.5
    assert settings.allow_private_providers is True


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="TENANT_TABLE is not set"):
        Settings.from_env({name: value for name, value in _TABLES.items() if name != "TENANT_TABLE"})


@pytest.mark.parametrize(("name", "value"), [("PROVIDER_ATTEMPTS", "many"), ("ALLOW_PRIVATE_PROVIDERS", "yes")])
def test_a_value_of_the_wrong_type_is_named_and_quoted(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        Settings.from_env(_TABLES | {name: value})
