from collections.abc import Mapping
from typing import NoReturn

import pytest

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest, ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface import admin
from tenant_llm.surface.admin_bodies import CredentialBody, DefaultsBody, ModelBody, TenantBody, ask, key
from tenant_llm.surface.arguments import argument
from tenant_llm.surface.entrypoint import Call


def _call(body: JsonObject | None = None, *, path: Mapping[str, str] | None = None, direct: bool = False) -> Call:
    return Call(Caller("tenant123", "r1", Deadline.after(1)), body or {}, path=path or {}, direct=direct)


def test_an_operation_keeps_its_name_and_asks_for_its_service_only_when_called() -> None:
    def service() -> NoReturn:
        raise ServiceUnavailable("asked for")

    bound = admin.bind(service, admin.list_tenants)

    assert bound.__name__ == "list_tenants"
    with pytest.raises(ServiceUnavailable, match="asked for"):
        bound(_call())


def test_only_defaults_that_were_sent_change() -> None:
    body = DefaultsBody.model_validate({"llm_id": "gpt-4@OpenAI", "tts_id": None})

    assert body.changes() == {ModelType.CHAT: "gpt-4@OpenAI", ModelType.TTS: None}


@pytest.mark.parametrize("api_key", ["sk-1", {"key_id": "a", "secret": "b"}])
def test_a_key_is_a_text_or_named_texts(api_key: Json) -> None:
    assert key(api_key) == api_key


@pytest.mark.parametrize(
    ("api_key", "param", "kind"),
    [
        (["sk-hidden"], "api_key", "list"),
        (5, "api_key", "int"),
        (None, "api_key", "NoneType"),
        ({"secret": {"sk": "hidden"}}, "api_key.secret", "dict"),
        ({"secret": None}, "api_key.secret", "NoneType"),
    ],
)
def test_another_kind_of_key_is_refused_by_its_kind(api_key: Json, param: str, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        key(api_key)

    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param} is a {kind}: ")
    assert "hidden" not in caught.value.message


def test_an_unknown_field_is_named_with_those_that_are_known() -> None:
    with pytest.raises(InvalidRequest, match=r"^nmae is no field of this body: it takes name, tenant_id$") as caught:
        ask(TenantBody, _call({"nmae": "Acme"}))

    assert caught.value.param == "nmae"


def test_a_direct_event_may_hold_what_is_beside_the_body_over_http() -> None:
    body = {"api_key": "sk-1", "place": "OpenAI", "request_id": "r1"}

    assert ask(CredentialBody, _call(body, direct=True)).api_key == "sk-1"
    with pytest.raises(InvalidRequest, match=r"^place is no field"):
        ask(CredentialBody, _call(body))


def test_limits_and_flags_are_not_guessed_from_texts() -> None:
    good = {"llm_name": "x", "llm_factory": "F", "model_type": "chat"}

    for wrong in ({"max_tokens": "8192"}, {"max_tokens": 0}, {"max_tokens": True}, {"is_tools": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ModelBody.model_validate({**good, **wrong})


def test_an_argument_stands_in_the_path_or_in_a_direct_event() -> None:
    assert argument(_call(path={"model": "a@b"}), "model") == "a@b"
    assert argument(_call({"model": "a@b"}, direct=True), "model") == "a@b"


def test_a_body_is_no_place_for_an_argument_over_http() -> None:
    with pytest.raises(InvalidRequest, match=r"^model is required$"):
        argument(_call({"model": "a@b"}), "model")
