"""A call from the function's event to the provider's socket and the ledger: what is sent, what is booked, how often."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from threading import Event
from typing import Any

import pytest

from tenant_llm import bootstrap
from tenant_llm.catalogue import load as catalogue
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import ProviderUnavailable, ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tests.support.aws import Aws, add_tenant, recorded
from tests.support.functions import LambdaContext, directly
from tests.support.provider import Cut, ProviderServer

_ADDRESS = "gpt-4@OpenAI"
_ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-4-0613",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
_EVENT = {"tenant_id": "acme", "messages": [{"role": "user", "content": "Hi"}]}
_REQUEST = ChatRequest([{"role": "user", "content": "Hi there"}])


def chat(**fields: Any) -> Any:
    return directly(import_module("functions.invoke_chat.handler").handler, _EVENT | fields)


def caller(tenant_id: str = "acme", request_id: str = "r-1") -> Caller:
    return Caller(tenant_id, request_id, Deadline.after(20))


def used(bundle: Aws, tenant_id: str = "acme", address: str = _ADDRESS) -> int:
    row = TenantLLMRepository(bundle.settings).find(tenant_id, address)
    assert row is not None
    return row.used_tokens


def days(tenant_id: str = "acme") -> list[DayUsage]:
    today = datetime.now(UTC).date()
    return bootstrap.usage_repository().days(tenant_id, today - timedelta(days=1), today)


def _failed(address: str = _ADDRESS) -> DayUsage:
    """A day of one call that failed before anything was delivered."""
    llm_name, _, factory = address.rpartition("@")
    return DayUsage(datetime.now(UTC).date(), llm_name, factory, errors=1)


def chunk(content: str | None = None, **fields: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    body = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} | fields
    return f"data: {json.dumps(body)}\n\n".encode()


def test_the_answer_is_the_providers_and_its_tokens_are_booked(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)

    answer = chat()

    assert answer["choices"][0]["message"]["content"] == "Hello!"
    assert (answer["model"], answer["usage"]["total_tokens"]) == (_ADDRESS, 18)
    (request,) = provider.requests
    assert (request.path, request.json["model"]) == ("/v1/chat/completions", "gpt-4")
    assert request.headers["authorization"] == "Bearer sk-of-acme-0123456789"
    assert used(bundle) == 18
    (day,) = days()
    assert (day.calls, day.input_tokens, day.output_tokens, day.estimated_tokens) == (1, 11, 7, 0)
    assert isinstance(day.day, date)


def test_a_warm_call_makes_one_dynamodb_call_no_secrets_call_and_one_provider_call(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)
    chat()
    secret_reads: list[object] = []
    secrets = bootstrap.secret_store()._secrets
    monkeypatch.setattr(secrets, "read", lambda *args, **kwargs: secret_reads.append(args))

    with recorded() as calls:
        chat(request_id="second")

    assert [operation for operation, _ in calls] == ["TransactWriteItems"]
    assert secret_reads == []
    assert (len(provider.requests), provider.connections) == (2, 1)


def test_one_request_id_is_counted_once_and_another_request_of_it_again(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)

    chat(request_id="one")
    chat(request_id="one")
    once = used(bundle)
    chat(request_id="one", temperature=0.5)

    assert (once, used(bundle), len(provider.requests)) == (18, 36, 3)


def test_a_call_of_lambdas_own_repetition_is_counted_once(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)
    handler = import_module("functions.invoke_chat.handler").handler

    for _ in range(3):  # an asynchronous invocation keeps its id when Lambda repeats it
        handler(_EVENT, LambdaContext(aws_request_id="same"))

    assert (used(bundle), len(provider.requests)) == (18, 3)


def test_usage_that_the_provider_leaves_out_is_estimated_and_marked(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply({name: value for name, value in _ANSWER.items() if name != "usage"})

    answer = chat()

    assert answer["usage"] == answer["usage"] | {"prompt_tokens": 1, "completion_tokens": 2, "estimated": True}
    (day,) = days()
    assert (used(bundle), day.estimated_tokens) == (3, 3)


def test_what_a_provider_tells_of_the_answer_alone_is_kept(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, "acme", "gemini-3-flash-preview@Gemini", api_base=provider.url)
    candidate = {"content": {"parts": [{"text": "Hello!"}]}, "finishReason": "STOP"}
    provider.reply({"candidates": [candidate], "usageMetadata": {"candidatesTokenCount": 18}})

    answer = chat(model="gemini-3-flash-preview@Gemini")

    assert answer["usage"] == answer["usage"] | {"prompt_tokens": 1, "completion_tokens": 18, "estimated": True}
    (day,) = days()
    assert (day.total_tokens, day.estimated_tokens) == (19, 19)


def test_a_provider_cannot_take_tokens_off_an_account(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER | {"usage": {"prompt_tokens": -1000, "completion_tokens": 7, "total_tokens": -993}})

    answer = chat()

    assert answer["usage"]["estimated"]
    assert used(bundle) == 3


def test_an_explicit_zero_stays_zero(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER | {"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})

    chat()

    (day,) = days()
    assert (used(bundle), day.calls, day.estimated_tokens) == (0, 1, 0)


def test_a_key_that_was_rotated_is_read_again_once(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)
    provider.reply({"error": {"message": "Incorrect API key"}}, status=401)
    provider.reply(_ANSWER)
    chat()
    SecretStore(bundle.settings, TenantRepository(bundle.settings)).put("acme", "OpenAI", {"api_key": "sk-new-123456"})

    answer = chat(request_id="after")

    keys = [request.headers["authorization"] for request in provider.requests]
    assert answer["choices"][0]["message"]["content"] == "Hello!"
    assert keys[-2:] == ["Bearer sk-of-acme-0123456789", "Bearer sk-new-123456"]


def test_a_refused_key_is_never_a_401_and_never_shown(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply({"error": {"message": "Incorrect API key provided: sk-of-acme-0123456789"}}, status=401)

    answer = chat()

    assert answer["error"]["code"] == "credential_rejected_by_provider"
    assert "sk-of-acme" not in json.dumps(answer)
    assert used(bundle) == 0


@pytest.mark.parametrize(
    ("play", "code"),
    [
        (lambda provider: provider.reply({"error": {"message": "no"}}, status=400), "provider_rejected"),
        (lambda provider: provider.reply(content=b"<html>"), "malformed_provider_answer"),
        (lambda provider: provider.reply({"choices": []}), "malformed_provider_answer"),
    ],
    ids=["refused", "no JSON", "no choices"],
)
def test_what_was_not_delivered_is_not_booked_but_as_an_error(
    bundle: Aws, provider: ProviderServer, play: Callable[[ProviderServer], None], code: str
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    play(provider)

    answer = chat()

    assert answer["error"]["code"] == code
    assert (used(bundle), days()) == (0, [_failed()])
    assert days()[0].by_type == {ModelType.CHAT: _failed()}


def test_a_success_counts_under_the_id_of_a_failure(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply({"error": {"message": "no"}}, status=400)
    provider.reply(_ANSWER)

    for _ in range(2):
        chat(request_id="mine")

    (day,) = days()
    assert (day.calls, day.errors, day.total_tokens) == (1, 1, 18)


def test_an_error_is_answered_although_it_cannot_be_counted(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply({"error": {"message": "no"}}, status=400)
    asked: list[object] = []

    def refuse(*arguments: object) -> None:
        asked.extend(arguments)
        raise ServiceUnavailable("storage refuses")

    monkeypatch.setattr(bootstrap.usage_repository(), "count_error", refuse)

    answer = chat()

    assert answer["error"]["code"] == "provider_rejected"
    assert asked[:3] == ["acme", _ADDRESS, ModelType.CHAT]


def test_an_error_does_not_wait_for_storage_that_hangs(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply({"error": {"message": "no"}}, status=400)
    answered, counted = Event(), Event()

    def hang(*_: object) -> None:
        if answered.wait(20):
            counted.set()

    monkeypatch.setattr("tenant_llm.services.usage._FAILED_SECONDS", 0.01)
    monkeypatch.setattr(bootstrap.usage_repository(), "count_error", hang)

    answer = chat()
    answered.set()

    assert answer["error"]["code"] == "provider_rejected"
    assert counted.wait(20)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"tenant_id": "nobody"}, "tenant_id", "tenant_not_found"),
        ({"llm_name": "gpt-9@OpenAI"}, "model", "model_not_found"),
        ({"messages": []}, "messages", "invalid_request"),
        ({"llm_type": "tts"}, "llm_type", "invalid_request"),
    ],
)
def test_bad_input_reaches_no_provider_and_no_account(
    bundle: Aws, provider: ProviderServer, fields: dict[str, Any], param: str, code: str
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")

    answer = chat(**fields)

    assert (answer["error"]["param"], answer["error"]["code"]) == (param, code)
    assert (provider.requests, used(bundle), days()) == ([], 0, [])


def test_a_model_without_its_key_says_so(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_key=None, api_base=f"{provider.url}/v1")

    answer = chat()

    assert answer["error"]["code"] == "credential_missing"
    assert provider.requests == []


def test_an_answer_is_given_although_its_settlement_fails_and_that_is_logged_whole(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)

    def refuse(*_: object, **__: object) -> None:
        raise ServiceUnavailable("storage refuses")

    monkeypatch.setattr(bootstrap.usage_repository(), "settle", refuse)
    monkeypatch.setattr(bootstrap.usage_queue(), "send", refuse)

    answer = chat(request_id="lost")

    assert answer["choices"][0]["message"]["content"] == "Hello!"
    (record,) = [record for record in caplog.records if record.getMessage().startswith("unsettled")]
    settlement = vars(record)["settlement"]
    assert settlement["usage"]["input_tokens"] == 11
    assert settlement["request_id"].startswith("lost.")


def test_nothing_that_is_logged_holds_a_prompt_or_a_key(
    bundle: Aws, provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="tenant_llm")
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)
    provider.reply({"error": {"message": "cannot: my secret diary"}}, status=400)

    chat(messages=[{"role": "user", "content": "my secret diary"}])
    chat(messages=[{"role": "user", "content": "my secret diary"}])

    written = " ".join(str(vars(record)) for record in caplog.records)
    assert "call failed" in written
    assert not any(secret in written for secret in ("diary", "Hello!", "sk-of-acme"))


def test_tenants_share_nothing_in_one_process(bundle: Aws, provider: ProviderServer) -> None:
    for tenant_id in ("acme", "rival"):
        key = f"sk-of-{tenant_id}-0123456789"
        add_tenant(bundle.settings, tenant_id, api_key=key, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)

    for tenant_id in ("acme", "rival", "acme"):
        chat(tenant_id=tenant_id, request_id=f"{tenant_id}-{len(provider.requests)}")

    keys = [request.headers["authorization"].removeprefix("Bearer ") for request in provider.requests]
    assert keys == ["sk-of-acme-0123456789", "sk-of-rival-0123456789", "sk-of-acme-0123456789"]
    assert (used(bundle), used(bundle, "rival")) == (36, 18)
    assert [day.calls for day in days("rival")] == [1]


def test_a_stream_is_settled_before_its_last_delta(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    done = [chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]), chunk(choices=[], usage=usage)]
    provider.stream(chunk("Hel"), chunk("lo"), *done, b"data: [DONE]\n\n")

    deltas = bootstrap.chat_service().stream(caller(), None, _REQUEST)
    text, booked = "", 0
    for delta in deltas:
        text += delta.text
        if delta.usage is not None:
            booked = used(bundle)

    assert (text, booked) == ("Hello", 6)
    assert provider.requests[0].json["stream_options"] == {"include_usage": True}
    assert not days()[0].estimated_tokens


def test_a_caller_that_hangs_up_pays_for_what_was_delivered(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.stream(*[chunk("word ")] * 50)

    deltas = bootstrap.chat_service().stream(caller(), None, _REQUEST)
    for _ in range(4):
        next(deltas)
    deltas.close()

    (day,) = days()
    assert (day.calls, day.errors, day.input_tokens, day.output_tokens) == (1, 0, 2, 5)
    assert day.estimated_tokens == 7


def test_a_caller_that_hangs_up_before_reading_is_settled_too(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.stream(*[chunk("word ")] * 50)

    bootstrap.chat_service().stream(caller(), None, _REQUEST).close()

    assert [day.calls for day in days()] == [1]


def test_a_stream_that_breaks_off_is_an_error_and_settled(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.stream(chunk("Hel"), chunk("lo"))

    deltas = bootstrap.chat_service().stream(caller(), None, _REQUEST)
    with pytest.raises(ProviderUnavailable):
        list(deltas)

    (day,) = days()
    assert (day.calls, day.errors, day.output_tokens, day.estimated_tokens) == (1, 1, 2, 4)


def test_a_stream_that_never_begins_books_an_error_and_nothing_else(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply({"error": {"message": "no"}}, status=400)

    with pytest.raises(Exception, match="no"):
        bootstrap.chat_service().stream(caller(), None, _REQUEST)

    assert days() == [_failed()]


def add_model_of_one_text_a_call(bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    add_tenant(bundle.settings, address="e@OpenAI", model_type=ModelType.EMBEDDING, api_base=f"{provider.url}/v1")
    known = catalogue.provider("OpenAI")
    assert known is not None
    small = replace(known, type_quirks={}, common_quirks=replace(known.common_quirks, max_batch=1))
    monkeypatch.setattr("tenant_llm.services.resolution.provider", lambda _: small)


def test_embeddings_are_split_as_the_provider_takes_them_and_settled_once(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model_of_one_text_a_call(bundle, provider, monkeypatch)
    provider.reply({"data": [{"index": 0, "embedding": [1.0, 0.5]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    handler = import_module("functions.invoke_embedding.handler").handler

    answer = directly(handler, {"tenant_id": "acme", "input": ["a", "b", "c"]})

    assert [item["index"] for item in answer["data"]] == [0, 1, 2]
    assert sorted(request.json["input"][0] for request in provider.requests) == ["a", "b", "c"]
    (day,) = days()
    assert (day.calls, day.input_tokens, used(bundle, address="e@OpenAI")) == (1, 9, 9)


def test_a_call_of_several_requests_fails_once(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model_of_one_text_a_call(bundle, provider, monkeypatch)
    provider.reply({"error": {"message": "no"}}, status=400)
    handler = import_module("functions.invoke_embedding.handler").handler

    answer = directly(handler, {"tenant_id": "acme", "input": ["a", "b", "c"]})

    assert answer["error"]["code"] == "provider_rejected"
    assert days() == [_failed("e@OpenAI")]


def test_a_wire_that_nobody_speaks_yet_names_factory_and_type(
    bundle: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    known = catalogue.provider("OpenAI")
    assert known is not None
    unspoken = replace(known, dialects={ModelType.CHAT: "klingon"})
    monkeypatch.setattr("tenant_llm.services.resolution.provider", lambda _: unspoken)

    answer = chat()

    assert answer["error"]["code"] == "unsupported_model_type"
    assert "factory 'OpenAI' cannot serve 'chat': the wire 'klingon'" in answer["error"]["message"]
    assert provider.requests == []


def test_a_model_that_only_streams_answers_whole_to_those_who_do_not(bundle: Aws, provider: ProviderServer) -> None:
    address = "qwq-plus@Tongyi-Qianwen"
    add_tenant(bundle.settings, address=address, api_base=f"{provider.url}/compatible-mode/v1")
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    provider.stream(chunk("Hel"), chunk("lo"), chunk(usage=usage), b"data: [DONE]\n\n")

    answer = chat()

    assert provider.requests[0].json["stream"] is True
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert (answer["usage"]["total_tokens"], used(bundle, address=address)) == (7, 7)


def test_a_stream_that_breaks_off_is_no_whole_answer_and_not_booked(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, address="qwq-plus@Tongyi-Qianwen", api_base=f"{provider.url}/compatible-mode/v1")
    provider.stream(chunk("Hel"), Cut())

    with pytest.raises(ProviderUnavailable):
        chat()

    assert days() == []


def test_a_query_is_embedded_with_what_its_model_wants_before_it(bundle: Aws, provider: ProviderServer) -> None:
    name = "BAAI/bge-large-zh-v1.5"
    add_tenant(bundle.settings, "acme", f"{name}@BAAI", ModelType.EMBEDDING, None, provider.url)
    provider.reply([[1.0]])
    embed = import_module("functions.invoke_embedding.handler").handler

    for purpose in ("query", "document"):
        directly(embed, {"tenant_id": "acme", "input": "问题", "input_type": purpose})

    asked = [request.json["inputs"] for request in provider.requests]
    assert asked == [["为这个句子生成表示以用于检索相关文章：问题"], ["问题"]]
