import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from functions.increase_usage.handler import handler
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.functions import LambdaContext, directly, over_http, with_body

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


def _with_query(query: JsonObject) -> JsonObject:
    event = load_event("http/usage_get")
    return {**event, "queryStringParameters": event["queryStringParameters"] | query}


def _asked(**query: str) -> tuple[int, Json]:
    return over_http(handler, _with_query(query))


def _settle_a_month() -> None:
    """Three models on some days of November, one of them as two types."""
    number = 0
    for name, kind, days in (
        ("gpt-4", ModelType.CHAT, (1, 2, 30)),
        ("gpt-4o", ModelType.CHAT, (2, 3)),
        ("gpt-4o", ModelType.IMAGE2TEXT, (2,)),
        ("whisper-1", ModelType.SPEECH2TEXT, (2, 4)),
    ):
        for day in days:
            number += 1
            usage = Usage(100 * number, number, cached_tokens=number, native={"seconds": 0.1 * number})
            at = datetime(2026, 11, day, 23, 59, tzinfo=UTC)
            bootstrap.usage_repository().settle(
                Settlement("tenant123", f"m{number}", name, "OpenAI", kind, usage, at, row=None)
            )


@pytest.mark.parametrize("group_by", ["model", "type", "day", "factory", "type,model", "day,model,type,factory"])
def test_a_grouping_has_the_totals_of_the_whole(group_by: str) -> None:
    _settle_a_month()

    _, whole = _asked()
    status, answer = _asked(group_by=group_by)

    assert status == 200
    assert answer["totals"] == whole["totals"]
    assert answer["group_by"] == group_by.split(",")
    assert sum(group["total_tokens"] for group in answer["groups"]) == whole["totals"]["total_tokens"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("way", ["json", "csv"])
def test_pages_put_together_are_one_answer(limit: int, way: str) -> None:
    _settle_a_month()
    query = {"group_by": "day,model,type", "format": way}
    whole = handler(_with_query(query), LambdaContext())["body"]

    pages: list[str] = []
    cursor = ""
    while not pages or cursor:
        more = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        answer = handler(_with_query(query | more), LambdaContext())
        pages.append(answer["body"])
        cursor = answer["headers"].get("x-next-cursor") if way == "csv" else json.loads(pages[-1])["next_cursor"]

    assert len(pages) == -(-7 // limit)  # gpt-4o of the second, as two types, is one day of one model
    if way == "csv":
        assert whole == pages[0] + "".join(page.partition("\r\n")[2] for page in pages[1:])
    else:
        assert json.loads(whole)["groups"] == [group for page in pages for group in json.loads(page)["groups"]]


@pytest.mark.parametrize(
    ("models", "found"),
    [
        ("gpt-4@OpenAI", ["gpt-4@OpenAI"]),
        ("gpt-4o,whisper-1@OpenAI", ["gpt-4o@OpenAI", "whisper-1@OpenAI"]),
        ("gpt-4@Ollama", []),
    ],
)
def test_models_are_chosen_by_address_or_by_name(models: str, found: list[str]) -> None:
    _settle_a_month()

    pages: list[Json] = []
    cursor: dict[str, str] = {}
    while not pages or cursor:
        _, page = _asked(models=models, limit="2", **cursor)
        pages.append(page)
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}

    assert sorted({model["model"] for page in pages for model in page["models"]}) == found
    assert all(page["models"] for page in pages) == bool(found)


def test_costs_are_told_where_prices_are_known() -> None:
    _settle("r1", 1, Usage(1000, 1000))
    at = datetime(2026, 11, 2, tzinfo=UTC)
    unknown = Settlement("tenant123", "r2", "m", "Ollama", ModelType.CHAT, Usage(6000), at)
    bootstrap.usage_repository().settle(unknown)

    _, answer = _asked(group_by="factory")

    assert (answer["totals"]["cost_usd"], answer["totals"]["priced_share"]) == (0.09, 0.25)
    assert [(group["factory"], group["cost_usd"]) for group in answer["groups"]] == [("Ollama", None), ("OpenAI", 0.09)]
    assert answer["prices"]["currency"] == "USD"
    assert answer["prices"]["source"].startswith("genai-prices ")


def test_another_tenants_cursor_is_refused() -> None:
    _settle_a_month()
    _, page = _asked(limit="1")
    event = _with_query({"limit": "1", "cursor": page["next_cursor"]})
    event["requestContext"]["authorizer"]["tenant_id"] = "acme"

    status, answer = over_http(handler, event)

    assert (status, answer["error"]["param"]) == (400, "cursor")


def test_a_caller_that_accepts_csv_gets_csv() -> None:
    _settle("r1", 1, Usage(100))
    event = load_event("http/usage_get")
    event["headers"]["Accept"] = "text/csv"

    answer = handler(event, LambdaContext())

    assert answer["headers"]["content-type"] == "text/csv; charset=utf-8"
    assert [row.split(",")[:2] for row in answer["body"].splitlines()] == [["date", "model"], ["2026-11-01", _ADDRESS]]
