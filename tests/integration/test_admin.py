import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.admin.handler import handler
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tests.support.aws import Aws, add_tenant
from tests.support.events import FOLDER, load_event
from tests.support.functions import LambdaContext, directly, over_http, with_body

_BGE = TenantModel(
    "tenant123", "BAAI/bge-m3", "OpenAI-API-Compatible", ModelType.EMBEDDING, api_base="https://1.1.1.1/v1"
)
_KEYS = ["sk-of-acme-0123456789", "sk-example-0000000000000000000000wxyz", "sk-example-1111111111111111111111wxyz"]


@pytest.fixture(autouse=True)
def tenant123(aws: Aws) -> None:
    """``tenant123`` has ``gpt-4@OpenAI``, its default for chat, and OpenAI's key."""
    add_tenant(aws.settings, "tenant123")


def _tenant(**changes: Any) -> dict[str, Any]:
    empty = dict.fromkeys(["llm_id", "embd_id", "asr_id", "img2txt_id", "rerank_id", "tts_id"])
    there = {
        "tenant_id": "tenant123",
        "name": "Tenant123",
        "llm_id": "gpt-4@OpenAI",
        "fallbacks": {},
        "credentials": {"OpenAI": "****6789"},
        "tracing": {"content": "full"},
    }
    return {**empty, **there, **changes}


def test_tenants_are_listed() -> None:
    assert over_http(handler, load_event("http/admin_list_tenants")) == (200, {"tenants": [_tenant()]})


def test_a_tenant_is_created_once() -> None:
    event = load_event("http/admin_create_tenant")

    first, second = over_http(handler, event), over_http(handler, event)

    assert first == (201, _tenant(tenant_id="acme", name="Acme GmbH", llm_id=None, credentials={}))
    assert second[0] == 409
    assert second[1]["error"]["param"] == "tenant_id"


def test_a_tenant_without_an_id_gets_one() -> None:
    _, tenant = over_http(handler, with_body(load_event("http/admin_create_tenant"), {"name": "Acme"}))

    assert bootstrap.tenant_models_service().tenant(tenant["tenant_id"]).name == "Acme"


def test_a_tenant_is_shown() -> None:
    assert over_http(handler, load_event("http/admin_get_tenant")) == (200, _tenant())


def test_a_deleted_tenant_is_gone() -> None:
    assert over_http(handler, load_event("http/admin_delete_tenant")) == (200, {"deleted": 1})

    status, answer = over_http(handler, load_event("http/admin_get_tenant"))
    assert (status, answer["error"]["code"]) == (404, "tenant_not_found")


def test_defaults_are_set_and_cleared() -> None:
    over_http(handler, load_event("http/admin_put_model"))
    event = load_event("http/admin_set_defaults")

    status, tenant = over_http(handler, with_body(event, {"llm_id": "gpt-4.1@OpenAI"}))
    _, cleared = over_http(handler, with_body(event, {"llm_id": None}))

    assert (status, tenant["llm_id"]) == (200, "gpt-4.1@OpenAI")
    assert cleared["llm_id"] is None


def test_defaults_are_set_beside_others_that_are_cleared() -> None:
    status, tenant = over_http(handler, load_event("http/admin_set_defaults"))

    assert (status, tenant) == (200, _tenant())


def test_what_langfuse_is_told_is_set_and_shown() -> None:
    status, tenant = over_http(handler, load_event("http/admin_set_tracing"))

    assert (status, tenant["tracing"]) == (200, {"content": "masked"})
    assert over_http(handler, load_event("http/admin_get_tenant"))[1]["tracing"] == {"content": "masked"}


@pytest.mark.parametrize("body", [{"content": "some"}, {"content": None}, {}, {"content": "full", "mask": True}])
def test_nothing_else_is_told_to_langfuse(body: dict[str, object]) -> None:
    status, answer = over_http(handler, with_body(load_event("http/admin_set_tracing"), body))

    assert (status, answer["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("host", ["http://example.com", "https://10.0.0.1", "https://user:pw@example.com", "sk-pasted"])
def test_a_langfuse_that_must_not_be_dialled_is_refused_without_a_word_of_it(host: str) -> None:
    keys = {"public_key": "pk-lf-1", "secret_key": "sk-lf-1", "host": host}
    event: dict[str, object] = {"operation": "put_credential", "tenant_id": "tenant123", "place": "langfuse"}

    answer = directly(handler, event | {"api_key": keys})

    assert answer["error"]["param"] == "api_key.host"
    assert host not in answer["error"]["message"]


def test_a_default_that_cannot_be_called_is_named() -> None:
    status, answer = over_http(handler, with_body(load_event("http/admin_set_defaults"), {"tts_id": "gpt-4@OpenAI"}))

    assert (status, answer["error"]["param"]) == (400, "tts_id")
    assert "'gpt-4@OpenAI'" in answer["error"]["message"]


def test_models_are_listed_with_the_tail_of_the_key_that_applies() -> None:
    status, answer = over_http(handler, load_event("http/admin_list_models"))

    assert (status, answer) == (
        200,
        {
            "models": [
                {
                    "model": "gpt-4@OpenAI",
                    "llm_name": "gpt-4",
                    "llm_factory": "OpenAI",
                    "model_type": "chat",
                    "api_base": None,
                    "max_tokens": None,
                    "is_tools": None,
                    "used_tokens": 0,
                    "status": "1",
                    "api_key": "****6789",
                }
            ]
        },
    )


def test_a_model_is_registered_with_its_own_key() -> None:
    status, model = over_http(handler, load_event("http/admin_put_model"))

    assert (status, model["model"], model["max_tokens"], model["is_tools"]) == (200, "gpt-4.1@OpenAI", 1047576, True)
    assert model["api_key"] == "****wxyz"
    found = bootstrap.secret_store().find("tenant123", "gpt-4.1", "OpenAI")
    assert found is not None
    assert found.get("api_key") == "sk-example-0000000000000000000000wxyz"


def test_a_models_address_in_a_path_may_hold_a_slash() -> None:
    bootstrap.tenant_models_service().register(_BGE)

    answer = over_http(handler, load_event("http/admin_delete_model"))

    assert answer == (200, {"deleted": 1})
    assert over_http(handler, load_event("http/admin_delete_model"))[0] == 404


def test_a_key_is_put_and_only_its_tail_is_shown() -> None:
    answer = over_http(handler, load_event("http/admin_put_credential"))

    assert answer == (200, {"place": "OpenAI", "api_key": "****wxyz"})
    found = bootstrap.secret_store().find("tenant123", "gpt-4", "OpenAI")
    assert found is not None
    assert found.get("api_key") == "sk-example-1111111111111111111111wxyz"


def test_a_key_that_the_original_stored_as_text_is_stored_by_its_fields() -> None:
    event = load_event("http/admin_put_credential")
    event["pathParameters"]["place"] = "BaiduYiyan"
    text = '{"yiyan_ak": "ALTAK-of-acme", "yiyan_sk": "sk-of-acme", "group_id": ""}'

    answer = over_http(handler, with_body(event, {"api_key": text}))

    assert answer == (200, {"place": "BaiduYiyan", "api_key": "****"})
    stored = bootstrap.secret_store().find("tenant123", "ernie-4.5", "BaiduYiyan")
    assert stored is not None
    assert stored.fields == {"yiyan_ak": "ALTAK-of-acme", "yiyan_sk": "sk-of-acme"}


def test_a_models_own_key_is_removed() -> None:
    bootstrap.tenant_models_service().put_credential("tenant123", "gpt-4@OpenAI", "sk-own-0123456789")

    assert over_http(handler, load_event("http/admin_delete_credential")) == (200, {"deleted": 1})

    assert over_http(handler, load_event("http/admin_get_tenant")) == (200, _tenant())


def test_a_token_is_shown_once_and_opens_its_tenant() -> None:
    status, issued = over_http(handler, load_event("http/admin_issue_token"))
    _, listed = over_http(handler, load_event("http/admin_list_tokens"))

    token = issued.pop("token")
    assert status == 201
    assert bootstrap.token_repository().tenant_of(token) == "tenant123"
    assert listed == {"tokens": [issued]}
    assert issued["label"] == "staging backend"
    assert issued["expires_at"] > issued["created_at"]


def test_a_revoked_token_opens_nothing() -> None:
    _, issued = over_http(handler, load_event("http/admin_issue_token"))
    event = load_event("http/admin_revoke_token")
    path = {**event["pathParameters"], "token_id": issued["token_id"]}

    answer = over_http(handler, {**event, "pathParameters": path})

    assert answer == (200, {"deleted": 1})
    assert bootstrap.token_repository().tenant_of(issued["token"]) is None


def test_a_token_that_is_not_there_is_named() -> None:
    status, answer = over_http(handler, load_event("http/admin_revoke_token"))

    assert (status, answer["error"]["param"]) == (404, "token_id")


def test_openai_models_are_those_of_all_tenants(aws: Aws) -> None:
    add_tenant(aws.settings, "acme")

    status, answer = over_http(handler, load_event("http/admin_openai_models"))

    assert status == 200
    assert [(row["tenant_id"], row["llm_name"]) for row in answer["data"]] == [
        ("acme", "gpt-4"),
        ("tenant123", "gpt-4"),
    ]


@pytest.mark.parametrize(
    ("name", "body", "param"),
    [
        ("admin_create_tenant", {"nmae": "Acme"}, "nmae"),
        ("admin_create_tenant", {}, "name"),
        ("admin_create_tenant", {"name": "Acme", "tenant_id": "a/b"}, "tenant_id"),
        ("admin_create_tenant", {"name": "Acme", "tenant_id": ""}, "tenant_id"),
        ("admin_set_defaults", {"chat_id": "gpt-4@OpenAI"}, "chat_id"),
        ("admin_set_defaults", {"llm_id": 4}, "llm_id"),
        ("admin_issue_token", {"label": "x", "expires_in_days": 0}, "expires_in_days"),
        ("admin_issue_token", {"label": "x", "expires_in_days": True}, "expires_in_days"),
        ("admin_issue_token", {"label": ""}, "label"),
        ("admin_put_credential", {}, "api_key"),
        ("admin_put_credential", {"api_key": ["sk-hidden"]}, "api_key"),
        ("admin_put_credential", {"api_key": '{"api_key": "sk-hidden"'}, "api_key"),
        ("admin_put_credential", {"api_key": '{"api_key": ["sk-hidden"]}'}, "api_key.api_key"),
        ("admin_put_credential", {"api_key": {"api_key": ["sk-hidden"]}}, "api_key.api_key"),
        ("admin_put_credential", {"api_kye": "sk-hidden"}, "api_kye"),
        ("admin_put_model", {"llm_name": "x", "llm_factory": "OpenAI", "model_type": "vision"}, "model_type"),
        ("admin_put_model", {"llm_name": "x", "llm_factory": "OpenAI"}, "model_type"),
    ],
)
def test_a_wrong_field_is_named_and_no_key_is_told(name: str, body: dict[str, Any], param: str) -> None:
    status, answer = over_http(handler, with_body(load_event(f"http/{name}"), body))

    assert (status, answer["error"]["param"]) == (400, param)
    assert param in answer["error"]["message"]
    assert "sk-hidden" not in json.dumps(answer)


def test_no_answer_and_no_log_holds_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="tenant_llm")
    bootstrap.tenant_models_service().register(_BGE)
    events = [f"{path.parent.name}/{path.stem}" for path in sorted(FOLDER.glob("*/admin*.json"))]

    answers = [json.dumps(handler(load_event(name), LambdaContext())) for name in events]

    ours = [record for record in caplog.records if record.name.startswith("tenant_llm")]
    told = "".join(answers) + "".join(str(record.__dict__) for record in ours)
    assert len(events) == 23
    assert [key for key in _KEYS if key in told] == []


def test_a_direct_event_registers_and_removes_a_model() -> None:
    added = directly(handler, load_event("direct/admin"))
    removed = directly(handler, load_event("direct/admin_remove_model"))

    assert (added["model"], added["api_base"]) == ("BAAI/bge-m3@OpenAI-API-Compatible", "https://1.1.1.1/v1")
    assert removed == {"deleted": 1}


def test_a_direct_event_without_an_operation_lists_the_tenants() -> None:
    assert directly(handler, {}) == {"tenants": [_tenant()]}


def test_a_direct_event_creates_the_tenant_it_names() -> None:
    answer = directly(handler, {"operation": "create_tenant", "tenant_id": "acme", "name": "Acme"})

    assert answer["tenant_id"] == "acme"


def test_a_direct_event_stores_a_key() -> None:
    event = {"operation": "put_credential", "tenant_id": "tenant123", "place": "OpenAI", "api_key": "sk-0123456789"}

    assert directly(handler, {**event, "request_id": "r1"}) == {"place": "OpenAI", "api_key": "****6789"}


@pytest.mark.parametrize("event", [{}, {"tenant_id": ""}, {"tenant_id": "  "}])
def test_a_direct_event_has_to_name_the_tenant(event: dict[str, Any]) -> None:
    answer = directly(handler, {"operation": "get_tenant", **event})

    assert (answer["error"]["code"], answer["error"]["param"]) == ("invalid_request", "tenant_id")


def test_a_direct_event_has_to_name_the_model() -> None:
    answer = directly(handler, {"operation": "remove_model", "tenant_id": "tenant123"})

    assert answer["error"]["param"] == "model"


def test_an_operator_reads_the_accounts_of_any_tenant_also_of_a_deleted_one() -> None:
    at = datetime(2026, 11, 3, tzinfo=UTC)
    call = Settlement("tenant123", "r1", "gpt-4", "OpenAI", ModelType.CHAT, Usage(3, 4), at)
    bootstrap.usage_repository().settle(call)
    bootstrap.usage_repository().settle(replace(call, tenant_id="other"))

    status, answer = over_http(handler, load_event("http/admin_tenant_usage"))
    over_http(handler, load_event("http/admin_delete_tenant"))
    direct = directly(handler, load_event("direct/admin_get_tenant_usage"))

    assert status == 200
    assert answer["totals"]["total_tokens"] == 7
    assert [(group["model"], group["type"]) for group in answer["groups"]] == [("gpt-4@OpenAI", "chat")]
    assert direct["totals"] == answer["totals"]
    assert [group["date"] for group in direct["groups"]] == ["2026-11-03"]


def test_the_accounts_of_nobody_are_refused() -> None:
    answer = directly(handler, {"operation": "get_tenant_usage"})

    assert (answer["error"]["code"], answer["error"]["param"]) == ("invalid_request", "tenant_id")
