from collections.abc import Mapping
from typing import Any

import pytest

from tenant_llm.catalogue.schema import Provider
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.model_type import ModelType
from tenant_llm.services import registration


def _provider(**changes: Any) -> Provider:
    values: dict[str, Any] = {
        "name": "Example",
        "base_url": "https://api.example.com/v1",
        "dialects": {ModelType.CHAT: "openai"},
        "docs": "https://example.com/docs",
        "checked": "2026-11-23",
    }
    return Provider(**{**values, **changes})


@pytest.mark.parametrize("tenant_id", ["tenant123", "a", "7f", "A-b_c", "x" * 64])
def test_an_id_is_letters_digits_and_dashes(tenant_id: str) -> None:
    registration.check_tenant_id(tenant_id)


@pytest.mark.parametrize("tenant_id", ["", " ", "x" * 65, "a b", "a/b", "a#b", "-a", "a\n", "ä", "a.b"])
def test_another_id_is_refused_by_field_and_value(tenant_id: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        registration.check_tenant_id(tenant_id)

    assert caught.value.param == "tenant_id"
    assert repr(tenant_id) in caught.value.message


@pytest.mark.parametrize(
    "name", ["gpt-4", "BAAI/bge-m3", "qwen@q4", "accounts/x/models/y:free", "模型", "x" * 256, "a b"]
)
def test_a_models_name_may_hold_nearly_anything(name: str) -> None:
    registration.check_llm_name(name, "Example")


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 257, "a\tb", "a\x00b", "a\nb", " a", "a ", "\ud800", "a\u200bb", "😀" * 250]
)
def test_a_models_name_must_be_printable_and_fit_a_key(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        registration.check_llm_name(name, "Example")

    assert caught.value.param == "llm_name"


def test_a_type_that_is_not_offered_is_refused_with_the_rows_reason() -> None:
    row = _provider(refused={ModelType.TTS: "its speech API is a WebSocket"})

    with pytest.raises(UnsupportedModelType, match="its speech API is a WebSocket"):
        registration.check_offer(row, ModelType.TTS)


def test_a_type_without_a_reason_is_refused_all_the_same() -> None:
    with pytest.raises(UnsupportedModelType, match="'Example' cannot serve 'rerank': it offers no rerank models"):
        registration.check_offer(_provider(), ModelType.RERANK)


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, False),
        ({"base_url": None}, True),
        ({"base_url": None, "base_urls": {ModelType.CHAT: "https://chat.example.com"}}, False),
        ({"base_url": None, "base_urls": {ModelType.TTS: "https://tts.example.com"}}, True),
        ({"status": "retired"}, True),
    ],
)
def test_a_base_url_is_needed_where_the_row_has_no_living_one(changes: Mapping[str, Any], *, needed: bool) -> None:
    assert registration.needs_base_url(_provider(**changes), ModelType.CHAT) is needed


def test_a_string_stands_for_the_only_required_field() -> None:
    row = _provider(credential=("token",), optional_credential=("group_id",))

    assert registration.credential_fields(row, " sk-1\n") == {"token": "sk-1"}


def test_a_string_stands_for_the_only_optional_field_of_a_keyless_factory() -> None:
    row = _provider(credential=(), optional_credential=("api_key",))

    assert registration.credential_fields(row, "sk-1") == {"api_key": "sk-1"}


@pytest.mark.parametrize(
    ("optional", "field"), [(("group_id", "api_key"), "api_key"), (("password", "app_id"), "password")]
)
def test_a_string_is_the_field_api_key_or_the_first_that_a_keyless_factory_takes(
    optional: tuple[str, ...], field: str
) -> None:
    row = _provider(credential=(), optional_credential=optional)

    assert registration.credential_fields(row, "sk-1") == {field: "sk-1"}


def test_a_key_never_becomes_a_region() -> None:
    row = _provider(credential=("region",), optional_credential=("key_id", "secret", "api_key"))

    with pytest.raises(InvalidRequest, match="no field 'region'"):
        registration.credential_fields(row, "sk-1")


@pytest.mark.parametrize(("required", "optional"), [(("key_id", "secret"), ()), ((), ())])
def test_a_string_that_could_mean_several_fields_is_refused(
    required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidRequest, match="takes named fields") as caught:
        registration.credential_fields(_provider(credential=required, optional_credential=optional), "sk-1")

    assert caught.value.param == "api_key"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"key_id": "sk-hidden"}, "secret"),
        ({"key_id": "sk-hidden", "secret": "sk-hidden", "region": "sk-hidden"}, "region"),
        ({"key_id": "sk-hidden", "secret": "  "}, "secret"),
        ({"key_id": "sk-hidden", "secret": "sk-hidden" * 1000}, "secret"),
    ],
)
def test_a_wrong_field_is_named_and_no_value_is_told(sent: dict[str, str], field: str) -> None:
    row = _provider(credential=("key_id", "secret"))

    with pytest.raises(InvalidRequest) as caught:
        registration.credential_fields(row, sent)

    assert caught.value.param == f"api_key.{field}"
    assert repr(field) in caught.value.message
    assert "sk-hidden" not in caught.value.message


def test_optional_fields_are_kept() -> None:
    row = _provider(optional_credential=("group_id",))

    assert registration.credential_fields(row, {"api_key": "k", "group_id": "g"}) == {"api_key": "k", "group_id": "g"}


def test_langfuses_keys_have_a_place_of_their_own() -> None:
    row = registration.place_provider("langfuse")

    assert registration.credential_fields(row, {"public_key": "pk-1", "secret_key": "sk-1"}) == {
        "public_key": "pk-1",
        "secret_key": "sk-1",
    }
    with pytest.raises(InvalidRequest, match="'secret_key'"):
        registration.credential_fields(row, {"public_key": "pk-1"})


@pytest.mark.parametrize(
    "sent", [{"token": "t"}, {"key_id": "i", "secret": "s"}, {"token": "t", "key_id": "i"}, {"token": "t", "host": "h"}]
)
def test_one_whole_set_is_enough(sent: dict[str, str]) -> None:
    row = _provider(credential=(), credential_choices=(("token",), ("key_id", "secret")), optional_credential=("host",))

    assert row.needs_key
    assert registration.credential_fields(row, sent) == sent


def test_a_string_is_the_first_set_that_has_one_field() -> None:
    row = _provider(credential=(), credential_choices=(("key_id", "secret"), ("token",), ("other",)))

    assert registration.credential_fields(row, "sk-1") == {"token": "sk-1"}


def test_a_set_is_asked_for_beside_what_is_required() -> None:
    row = _provider(credential=("region",), credential_choices=(("key_id", "secret"), ("api_key",)))

    with pytest.raises(InvalidRequest, match="'region'"):
        registration.credential_fields(row, {"api_key": "k"})
    with pytest.raises(InvalidRequest, match="needs: region, key_id and secret or api_key; optional: none"):
        registration.credential_fields(row, {"region": "r"})
    with pytest.raises(InvalidRequest, match="no field 'secret', which factory 'Example' needs beside 'key_id'"):
        registration.credential_fields(row, {"region": "r", "key_id": "i"})


def test_an_object_is_held_to_the_factorys_fields_where_a_text_is_not() -> None:
    row = _provider()

    assert registration.credential_fields(row, '{"api_key": "k", "more": "m"}') == {"api_key": "k"}
    with pytest.raises(InvalidRequest, match="'more'"):
        registration.credential_fields(row, {"api_key": "k", "more": "m"})
