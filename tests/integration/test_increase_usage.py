from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from functions.increase_usage.handler import handler
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.functions import directly, over_http, with_body

_ADDRESS = "gpt-4@OpenAI"


@pytest.fixture(autouse=True)
def tenant123(aws: Aws) -> None:
    """``tenant123`` has ``gpt-4@OpenAI``, its default for chat."""
    add_tenant(aws.settings, "tenant123", _ADDRESS)


def _used() -> int:
    row = bootstrap.tenant_llm_repository().find("tenant123", _ADDRESS)
    assert row is not None
    return row.used_tokens


@pytest.mark.parametrize("way", ["http", "direct"])
def test_tokens_are_added_once_however_often_they_are_sent(way: str) -> None:
    answers: list[Json] = []
    for _ in range(3):
        if way == "http":
            answers.append(over_http(handler, load_event("http/usage_increase")))
        else:
            answers.append((200, directly(handler, load_event("direct/increase_usage"))))

    assert answers == [(200, {"updated": 1})] * 3
    assert _used() == 50


def test_different_requests_add_up() -> None:
    event = load_event("http/usage_increase")
    del event["headers"]["Idempotency-Key"]

    for number in range(3):
        event["requestContext"]["requestId"] = f"request-{number}"
        over_http(handler, event)

    assert _used() == 150


def test_a_request_id_in_the_body_goes_before_the_platforms() -> None:
    event = load_event("http/usage_increase")
    del event["headers"]["Idempotency-Key"]
    event = with_body(event, {"llm_type": "chat", "used_tokens": 50, "request_id": "mine"})

    for number in range(2):
        event["requestContext"]["requestId"] = f"request-{number}"
        over_http(handler, event)

    assert _used() == 50


def test_one_id_counts_once_over_both_ways_in() -> None:
    body = {"llm_type": "chat", "llm_name": _ADDRESS, "used_tokens": 50, "request_id": "mine"}

    over_http(handler, with_body(load_event("http/usage_increase"), body))
    directly(handler, {"tenant_id": "tenant123", **body})

    assert _used() == 50


def test_concurrent_increases_all_count() -> None:
    events = [{**load_event("direct/increase_usage"), "request_id": f"r{number}"} for number in range(20)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda event: directly(handler, event), events))

    assert answers == [{"updated": 1}] * 20
    assert _used() == 1000


@pytest.mark.parametrize("used", [True, 5.0, "5", -5, None])
@pytest.mark.parametrize("way", ["http", "direct"])
def test_an_amount_that_is_no_count_is_refused_by_field_and_value(way: str, used: Json) -> None:
    body = {"llm_type": "chat", "used_tokens": used}

    if way == "http":
        _, answer = over_http(handler, with_body(load_event("http/usage_increase"), body))
    else:
        answer = directly(handler, {"tenant_id": "tenant123", **body})

    assert (answer["error"]["code"], answer["error"]["param"]) == ("invalid_request", "used_tokens")
    assert answer["error"]["message"].startswith(f"used_tokens is {used!r}: ")
    assert _used() == 0


def test_an_unknown_type_is_refused_by_field_and_value() -> None:
    event = with_body(load_event("http/usage_increase"), {"llm_type": "vision", "used_tokens": 5})

    status, answer = over_http(handler, event)

    assert (status, answer["error"]["param"]) == (400, "llm_type")
    assert "'vision'" in answer["error"]["message"]


def test_a_model_that_the_tenant_lacks_is_not_found() -> None:
    event = with_body(load_event("http/usage_increase"), {"llm_type": "chat", "llm_name": "x", "used_tokens": 5})

    status, answer = over_http(handler, event)

    assert (status, answer["error"]["code"]) == (404, "model_not_found")


def test_a_row_that_went_meanwhile_is_not_updated() -> None:
    directly(handler, {**load_event("direct/increase_usage"), "request_id": "first"})
    bootstrap.tenant_llm_repository().delete("tenant123", _ADDRESS)

    answer = directly(handler, {**load_event("direct/increase_usage"), "request_id": "second"})

    assert answer == {"updated": 0}


@pytest.mark.parametrize("tenant_id", [None, "", 5])
def test_a_direct_event_has_to_name_the_tenant(tenant_id: object) -> None:
    answer = directly(handler, {**load_event("direct/increase_usage"), "tenant_id": tenant_id})

    assert (answer["error"]["code"], answer["error"]["param"]) == ("invalid_request", "tenant_id")


def _settle(request_id: str, day: int, usage: Usage) -> None:
    at = datetime(2026, 11, day, 23, 59, tzinfo=UTC)
    settlement = Settlement("tenant123", request_id, "gpt-4", "OpenAI", ModelType.CHAT, usage, at, row=_ADDRESS)
    bootstrap.usage_repository().settle(settlement)


def test_usage_is_told_by_model_and_day_the_same_both_ways() -> None:
    _settle("r1", 1, Usage(100, 50, reasoning_tokens=20))
    _settle("r2", 30, Usage(50, 0, estimated=True))

    status, answer = over_http(handler, load_event("http/usage_get"))

    assert status == 200
    assert directly(handler, load_event("direct/increase_usage_get_usage")) == answer
    assert (answer["totals"]["calls"], answer["totals"]["total_tokens"]) == (2, 200)
    assert answer["totals"]["estimated_share"] == 0.25
    [model] = answer["models"]
    assert (model["model"], model["reasoning_tokens"]) == (_ADDRESS, 20)
    assert [(day["date"], day["total_tokens"]) for day in model["days"]] == [("2026-11-01", 150), ("2026-11-30", 50)]


def test_usage_outside_the_period_is_not_told() -> None:
    _settle("r1", 1, Usage(100))
    event = load_event("http/usage_get")
    event["queryStringParameters"] = {"since": "2026-11-02", "until": "2026-11-30"}

    _, answer = over_http(handler, event)

    assert answer["models"] == []


def test_what_was_just_added_is_in_the_last_thirty_days() -> None:
    over_http(handler, load_event("http/usage_increase"))
    event = {**load_event("http/usage_get"), "queryStringParameters": None}

    _, answer = over_http(handler, event)

    assert answer["totals"]["total_tokens"] == 50
    assert datetime.fromisoformat(answer["until"]) - datetime.fromisoformat(answer["since"]) == timedelta(days=29)


def test_another_tenants_usage_is_not_told(aws: Aws) -> None:
    add_tenant(aws.settings, "acme", _ADDRESS)
    directly(handler, {**load_event("direct/increase_usage"), "tenant_id": "acme"})

    _, answer = over_http(handler, {**load_event("http/usage_get"), "queryStringParameters": None})

    assert answer["models"] == []
