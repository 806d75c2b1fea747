"""Budgets from an operator's request to the call that is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from functions.admin.handler import handler as admin
from functions.increase_usage.handler import handler as accounts
from tenant_llm import bootstrap
from tenant_llm.catalogue import load as catalogue
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import BudgetExceeded, ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.repositories.budgets import BudgetRepository
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.services.budgets import BudgetService
from tenant_llm.settings import Settings
from tests.support.aws import Aws, add_tenant, recorded
from tests.support.events import load_event
from tests.support.functions import LambdaContext, directly, over_http, with_body
from tests.support.provider import ProviderServer

_ADDRESS = "gpt-4@OpenAI"
_ANSWER = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
_EVENT: dict[str, Any] = {"tenant_id": "tenant123", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 99}
_EXPECTED = 100  # one token of input and the cap


@pytest.fixture(autouse=True)
def tenant123(bundle: Aws, provider: ProviderServer) -> None:
    """``tenant123`` has ``gpt-4@OpenAI``, its default for chat, at a provider that answers with 18 tokens."""
    add_tenant(bundle.settings, "tenant123", api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)


def budget(*budgets: Budget) -> None:
    bootstrap.tenant_models_service().set_budgets("tenant123", budgets)


def chat(request_id: str = "one", **fields: Any) -> Any:
    event = _EVENT | {"request_id": request_id} | fields
    return directly(import_module("functions.invoke_chat.handler").handler, event)


def committed() -> list[int]:
    return [state.committed for state in bootstrap.budget_service().states("tenant123")]


def reservations() -> int:
    return BudgetRepository(Settings.from_env()).release_ended("tenant123", datetime.max.replace(tzinfo=UTC))


def test_without_a_budget_a_call_makes_no_dynamodb_call_and_writes_no_item_more(provider: ProviderServer) -> None:
    chat("warm")

    with recorded() as calls:
        chat("counted")

    ((operation, body),) = calls
    assert operation == "TransactWriteItems"
    assert [next(iter(item)) for item in body["TransactItems"]] == ["Put", "Update", "Update"]


def test_a_budget_of_another_model_costs_a_call_nothing(bundle: Aws) -> None:
    other = TenantModel("tenant123", "gpt-4.1", "OpenAI", ModelType.CHAT)
    TenantLLMRepository(bundle.settings).put(other)
    budget(Budget("day", hard=0, model=other.address))
    chat("warm")

    with recorded() as calls:
        chat("counted")

    assert len(calls) == 1
    assert len(calls[0][1]["TransactItems"]) == 3


def test_with_budgets_a_call_makes_two_transactions(provider: ProviderServer) -> None:
    budget(Budget("day", hard=10_000), Budget("month", soft=10_000), Budget("day", hard=10_000, model=_ADDRESS))
    chat("warm")

    with recorded() as calls:
        chat("counted")

    assert [operation for operation, _ in calls] == ["TransactWriteItems"] * 2
    assert committed() == [36, 36, 36]


def test_a_call_that_has_no_room_reaches_no_provider_and_says_when_there_will_be(
    provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    budget(Budget("day", hard=_EXPECTED + 17), Budget("month", hard=10_000))
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)

    first, second = chat("1"), chat("2")

    assert first["usage"]["total_tokens"] == 18
    error = second["error"]
    assert (error["type"], error["code"], error["param"]) == ("insufficient_quota", "insufficient_quota", None)
    assert error["message"] == (
        "the budget of 117 tokens a day for all models together has no room: 18 are used or reserved, this call may "
        f"take 100; it renews at {tomorrow.isoformat()}T00:00:00+00:00"
    )
    assert len(provider.requests) == 1
    assert committed() == [18, 18]
    assert reservations() == 0
    (told,) = (vars(record) for record in caplog.records if record.getMessage().startswith("over budget"))
    assert (told["kind"], told["scope"], told["period"], told["limit"]) == ("hard", None, "day", 117)


def test_of_several_full_budgets_the_one_that_renews_last_is_told() -> None:
    budget(Budget("day", hard=_EXPECTED), Budget("month", hard=_EXPECTED, model=_ADDRESS))
    chat("1")

    error = chat("2")["error"]

    assert f"of 100 tokens a month for {_ADDRESS} has no room" in error["message"]


def test_a_call_with_room_at_the_tenant_and_none_at_its_model_holds_nothing(bundle: Aws) -> None:
    budget(Budget("day", hard=10_000), Budget("day", hard=_EXPECTED, model=_ADDRESS))
    chat("1")

    assert chat("2")["error"]["code"] == "insufficient_quota"
    assert committed() == [18, 18]


def test_other_models_are_not_counted_for_a_models_budget(bundle: Aws, provider: ProviderServer) -> None:
    other = TenantModel("tenant123", "gpt-4.1", "OpenAI", ModelType.CHAT, api_base=f"{provider.url}/v1")
    TenantLLMRepository(bundle.settings).put(other)
    budget(Budget("day", hard=10_000), Budget("day", hard=_EXPECTED, model=_ADDRESS))

    chat("1")
    answer = chat("2", llm_name=other.address)

    assert "choices" in answer
    assert committed() == [36, 18]


@pytest.mark.parametrize("hard", [0, _EXPECTED - 1])
def test_a_call_larger_than_the_whole_budget_is_refused_even_by_a_fresh_one(
    provider: ProviderServer, hard: int
) -> None:
    budget(Budget("day", hard=hard))
    chat("cold")

    with recorded() as calls:
        answer = chat("2")

    assert f"may take 100 tokens, more than the whole budget of {hard} a day" in answer["error"]["message"]
    assert (provider.requests, calls, committed()) == ([], [], [0])


def test_over_http_the_refusal_has_the_time_until_it_renews_and_asks_not_to_be_repeated() -> None:
    budget(Budget("month", hard=_EXPECTED))
    chat("1")
    event = with_body(load_event("http/chat_completions"), {k: v for k, v in _EVENT.items() if k != "tenant_id"})

    answer = import_module("functions.invoke_chat.handler").handler(event, LambdaContext())

    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert answer["statusCode"] == 429
    assert json.loads(answer["body"])["error"]["code"] == "insufficient_quota"
    assert 0 < int(headers["retry-after"]) <= 31 * 86_400
    assert headers["x-should-retry"] == "false"


def test_a_soft_budget_lets_calls_pass_and_operators_hear_of_it(
    provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    budget(Budget("day", soft=_EXPECTED, hard=10_000))

    chat("1")
    before = caplog.text.count("over budget")
    answers = [chat("2"), chat("3")]

    assert all("choices" in answer for answer in answers)
    assert (before, committed()) == (0, [54])
    told = [vars(record) for record in caplog.records if record.getMessage().startswith("over budget")]
    assert [(one["kind"], one["period"], one["limit"]) for one in told] == [("soft", "day", 100)] * 2


def test_a_call_that_fails_gives_its_reservation_back(provider: ProviderServer) -> None:
    budget(Budget("day", hard=10_000))
    provider.reply({"error": {"message": "no"}}, status=400)
    chat("0")

    assert chat("1")["error"]["code"] == "provider_rejected"
    assert (committed(), reservations()) == ([18], 0)


def test_a_repeat_of_a_call_is_charged_once() -> None:
    budget(Budget("day", hard=_EXPECTED))

    answers = [chat("same"), chat("same")]

    assert all("choices" in answer for answer in answers)
    assert (committed(), reservations()) == ([18], 0)


def test_a_crash_frees_its_budget_when_its_time_is_over(bundle: Aws) -> None:
    budget(Budget("day", hard=_EXPECTED))
    config = bootstrap.resolution().config("tenant123", ModelType.CHAT)
    now = datetime.now(UTC)
    crashed = BudgetService(
        BudgetRepository(bundle.settings), TenantRepository(bundle.settings), now=lambda: now - timedelta(seconds=70)
    )
    crashed.reserve(Caller("tenant123", "crashed", Deadline.after(5)), config, 1)
    still_running = bootstrap.budget_service()
    still_running.reserve(Caller("tenant123", "running", Deadline.after(5)), config, 1)

    refused = chat("1")
    bootstrap.budget_service().release(
        Caller("tenant123", "running", Deadline.after(5)),
        config,
        still_running.reserve(Caller("tenant123", "running", Deadline.after(5)), config, 1),
    )
    answer = chat("2")

    assert "1 are used or reserved" in refused["error"]["message"]
    assert "choices" in answer
    assert committed() == [18]


def test_many_calls_that_crashed_are_given_back_until_there_is_room(bundle: Aws) -> None:
    budget(Budget("day", hard=130))
    repository, now = BudgetRepository(bundle.settings), datetime.now(UTC)
    counter = Budget("day").counter(now)
    for number in range(60):
        repository.reserve("tenant123", f"crashed-{number}", 2, {counter: None}, now - timedelta(seconds=1))

    first, left = chat("1"), committed()
    second, none = chat("2"), committed()

    assert "choices" in first
    assert "choices" in second
    assert (left, none) == ([18 + 10 * 2], [36])  # as many as the call needed, 25 at a time


def test_a_stream_is_charged_for_what_was_delivered_when_its_caller_hangs_up(provider: ProviderServer) -> None:
    budget(Budget("day", hard=10_000))
    word = json.dumps({"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]})
    provider.stream(*[f"data: {word}\n\n".encode()] * 50)
    chat("plays the first answer")
    caller = Caller("tenant123", "stream", Deadline.after(20))

    deltas = bootstrap.chat_service().stream(caller, None, ChatRequest([{"role": "user", "content": "Hi there"}]))
    held = committed()
    next(deltas)
    deltas.close()

    assert held[0] == 18 + 2 + 1024
    assert 18 < committed()[0] < 50
    assert reservations() == 0


def test_batches_of_one_call_reserve_once(bundle: Aws, provider: ProviderServer) -> None:
    known = catalogue.provider("OpenAI")
    assert known is not None
    address = "text-embedding-3-small@OpenAI"
    model = TenantModel("tenant123", "text-embedding-3-small", "OpenAI", ModelType.EMBEDDING, f"{provider.url}/v1")
    TenantLLMRepository(bundle.settings).put(model)
    budget(Budget("day", hard=10_000))
    small = replace(known, type_quirks={}, common_quirks=replace(known.common_quirks, max_batch=1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tenant_llm.services.resolution.provider", lambda _: small)
        provider.reply({"data": [{"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        chat("plays the first answer")
        with recorded() as calls:
            answer = directly(
                import_module("functions.invoke_embedding.handler").handler,
                {"tenant_id": "tenant123", "llm_name": address, "input": ["a", "b", "c"]},
            )

    assert len(answer["data"]) == 3
    assert [name for name, _ in calls].count("TransactWriteItems") == 2
    assert committed() == [18 + 9]


def test_tokens_used_elsewhere_count_for_budgets_too() -> None:
    budget(Budget("day", hard=100), Budget("month", soft=10, model=_ADDRESS))

    for _ in range(2):
        assert over_http(accounts, load_event("http/usage_increase")) == (200, {"updated": 1})

    assert committed() == [50, 50]


class Storage:
    """Budgets whose storage refuses."""

    def reserve(self, *_: object) -> None:
        raise ServiceUnavailable("storage refuses")


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.budget_service(), "_budgets", Storage())


def test_a_hard_budget_is_closed_while_storage_refuses(provider: ProviderServer, outage: None) -> None:
    budget(Budget("day", hard=10_000), Budget("day", soft=10, model=_ADDRESS))

    with pytest.raises(ServiceUnavailable):  # so that Lambda repeats an asynchronous call
        chat()

    assert provider.requests == []


def test_a_soft_budget_is_open_while_storage_refuses_and_charged_in_full(
    bundle: Aws, provider: ProviderServer, outage: None, caplog: pytest.LogCaptureFixture
) -> None:
    budget(Budget("day", soft=10_000))

    answer = chat()

    assert "choices" in answer
    assert "budgets unchecked" in caplog.text
    assert BudgetRepository(bundle.settings).committed("tenant123", [Budget("day").counter(datetime.now(UTC))]) == {
        Budget("day").counter(datetime.now(UTC)): 18
    }


def test_an_operator_sets_shows_and_removes_budgets() -> None:
    status, answer = over_http(admin, load_event("http/admin_set_budgets"))
    chat()
    shown = over_http(admin, load_event("http/admin_list_budgets"))
    own = over_http(accounts, load_event("http/budgets_get"))
    removed = over_http(admin, load_event("http/admin_remove_budgets"))
    left = over_http(accounts, load_event("http/budgets_get"))

    assert (status, answer["budgets"][1]) == (
        200,
        {"period": "day", "hard": 500_000, "soft": 400_000, "model": _ADDRESS},
    )
    assert shown == own
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert own[1]["budgets"][1] == {
        "model": _ADDRESS,
        "period": "day",
        "hard": 500_000,
        "soft": 400_000,
        "committed": 18,
        "remaining": 499_982,
        "renews_at": f"{tomorrow.isoformat()}T00:00:00+00:00",
    }
    assert own[1]["budgets"][0]["renews_at"].endswith("-01T00:00:00+00:00")
    assert (removed, left) == ((200, {"deleted": 2}), (200, {"budgets": []}))


def test_direct_events_do_the_same() -> None:
    answer = directly(admin, load_event("direct/admin_set_budgets"))

    assert answer == {"budgets": [{"period": "day", "hard": 500_000, "soft": None, "model": _ADDRESS}]}
    assert directly(accounts, load_event("direct/increase_usage_get_budgets"))["budgets"][0]["remaining"] == 500_000


@pytest.mark.parametrize(
    ("budgets", "param"),
    [
        ([{"period": "week", "hard": 1}], "budgets[0].period"),
        ([{"period": "day"}], "budgets[0]"),
        ([{"period": "day", "hard": -1}], "budgets[0].hard"),
        ([{"period": "day", "hard": 1.5}], "budgets[0].hard"),
        ([{"period": "day", "hard": 1, "soft": 2}], "budgets[0].soft"),
        ([{"period": "day", "hrad": 1}], "budgets[0].hrad"),
        ([{"period": "day", "hard": 1}, {"period": "day", "soft": 1}], "budgets[1]"),
        ([{"period": "day", "hard": 1, "model": "gpt-9@OpenAI"}], "budgets[0].model"),
        ([{"period": "day", "hard": 1, "model": "gpt-4"}], "budgets[0].model"),
        ([{"period": "day", "hard": 1, "model": "é" * 501}], "budgets[0].model"),
        ([{"period": "day", "hard": 1}] * 101, "budgets"),
        ("none", "budgets"),
    ],
)
def test_a_budget_that_cannot_be_one_is_named_and_nothing_is_stored(budgets: Any, param: str) -> None:
    budget(Budget("month", hard=5))

    status, answer = over_http(admin, with_body(load_event("http/admin_set_budgets"), {"budgets": budgets}))

    assert (status, answer["error"]["param"]) == (400, param)
    assert bootstrap.tenant_models_service().tenant("tenant123").budgets == (Budget("month", hard=5),)


@pytest.mark.parametrize("name", ["admin_set_budgets", "admin_list_budgets", "admin_remove_budgets"])
def test_a_tenant_that_is_not_there_has_no_budgets(name: str) -> None:
    event = load_event(f"http/{name}")
    event["pathParameters"] = {"tenant_id": "nobody"}

    assert over_http(admin, event)[1]["error"]["code"] == "tenant_not_found"


def test_a_refused_budget_is_an_error_of_ours_and_not_retryable() -> None:
    assert not BudgetExceeded("full").retryable
