"""From the queue to the tenants' Langfuse: each with its own keys, whatever becomes of the others."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import active_count
from time import monotonic
from typing import Any

import pytest

from functions.export_traces.handler import handler
from local.aws import client_of
from local.queue import deliver, record
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import Tenant
from tenant_llm.domain.trace import Generation, TraceContext, TraceError, span_id
from tenant_llm.domain.trace_json import encode
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.trace_queue import TraceQueue
from tenant_llm.services import trace_export
from tenant_llm.settings import settings
from tests.support.aws import Aws
from tests.support.events import FOLDER, load_event
from tests.support.functions import LambdaContext
from tests.support.langfuse import LangfuseServer

type Langfuses = Callable[[], LangfuseServer]

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
_CALL = Generation(
    "acme",
    "r1",
    TraceContext(_TRACE, "00f067aa0ba902b7", "session-7", "user-3"),
    span_id("acme", _TRACE, "r1", 0),
    ModelType.CHAT,
    "OpenAI",
    "gpt-4",
    _AT,
    _AT + timedelta(seconds=2),
    first_token_at=_AT + timedelta(milliseconds=400),
    parameters={"temperature": 0.2, "max_tokens": 99},
    input=[{"role": "user", "content": "Hello"}],
    output={"role": "assistant", "content": "Hi"},
    finish_reasons=("stop",),
    usage=Usage(30, 20, cached_tokens=10, reasoning_tokens=5, native={"search_units": 1.5}),
)


def tenant(langfuse: LangfuseServer, tenant_id: str = "acme", secret: str = "sk-1", public: str = "pk-1") -> None:
    """A tenant with keys of that Langfuse, or with other ones."""
    tenants = TenantRepository(settings())
    if tenants.find(tenant_id) is None:
        tenants.create(Tenant(tenant_id))
    keys = {"public_key": public, "secret_key": secret, "host": langfuse.url}
    bootstrap.tenant_models_service().put_credential(tenant_id, "langfuse", keys)


def export(*generations: Generation, context: LambdaContext | None = None) -> list[str]:
    """The places of those that are to be delivered again."""
    many = enumerate(generations)
    records = [record({"MessageId": f"m{n}", "ReceiptHandle": "h", "Body": encode(one)}) for n, one in many]
    answer = handler({"Records": records}, context or LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_export, "SECONDS", 1.0)


def test_a_generation_arrives_with_everything_that_is_known(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)

    assert export(_CALL) == []

    (span,) = langfuse.spans
    assert langfuse.keys == [("pk-1", "sk-1")]
    assert langfuse.server.requests[0].headers["x-langfuse-ingestion-version"] == "4"
    assert (span.trace_id, span.span_id, span.parent_id) == (_TRACE, _CALL.span_id, "00f067aa0ba902b7")
    assert (span.name, span.end - span.start) == ("chat gpt-4", 2_000_000_000)
    assert span.start == int(_AT.timestamp()) * 10**9
    told = span.attributes
    assert told["langfuse.observation.type"] == "generation"
    assert told["langfuse.observation.model.name"] == "gpt-4"
    assert span.json("input") == [{"role": "user", "content": "Hello"}]
    assert span.json("output") == {"role": "assistant", "content": "Hi"}
    assert span.json("model.parameters") == {"temperature": 0.2, "max_tokens": 99}
    assert span.json("completion_start_time") == "2026-11-24T12:00:00.400000Z"
    assert span.json("usage_details") == {
        "input": 20,
        "input_cached_tokens": 10,
        "output": 15,
        "output_reasoning_tokens": 5,
        "search_units": 2,
        "total": 50,
    }
    assert {name: told[name] for name in told if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.4,
        "gen_ai.conversation.id": "session-7",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
    }
    assert (told["session.id"], told["user.id"]) == ("session-7", "user-3")
    assert "langfuse.observation.level" not in told


def test_an_error_arrives_as_one(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    error = TraceError("RateLimited", "rate_limit_exceeded", 429, "slow down")

    export(replace(_CALL, status="failed", error=error, output=None, usage=None))

    (span,) = langfuse.spans
    assert span.status == 2
    assert span.attributes["error.type"] == "rate_limit_exceeded"
    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert span.attributes["langfuse.observation.status_message"] == "slow down"
    assert "langfuse.observation.output" not in span.attributes


def test_a_call_without_a_parent_begins_its_trace_and_an_embedding_is_called_one(
    bundle: Aws, langfuse: LangfuseServer
) -> None:
    tenant(langfuse)

    export(replace(_CALL, context=TraceContext(_TRACE), model_type=ModelType.EMBEDDING, first_token_at=None))

    (span,) = langfuse.spans
    assert (span.trace_id, span.parent_id) == (_TRACE, "")
    assert span.attributes["langfuse.observation.type"] == "embedding"
    assert span.attributes["gen_ai.operation.name"] == "embeddings"
    assert span.attributes.keys().isdisjoint({"session.id", "user.id"})


def test_a_repeated_delivery_has_the_same_ids(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)

    export(_CALL)
    export(_CALL)

    first, second = langfuse.spans
    assert (first.trace_id, first.span_id) == (second.trace_id, second.span_id)


def test_each_tenant_has_its_own_spans_under_its_own_keys(bundle: Aws, langfuses: Langfuses) -> None:
    ours, theirs = langfuses(), langfuses()
    tenant(ours, "acme", "sk-of-acme")
    tenant(theirs, "bolt", "sk-of-bolt")  # under the same public key: a tenant may store whatever it likes
    calls = [replace(_CALL, tenant_id=name, request_id=f"{name}-{n}") for n in range(4) for name in ("acme", "bolt")]

    assert export(*calls) == []

    for server, name in ((ours, "acme"), (theirs, "bolt")):
        assert server.keys == [("pk-1", f"sk-of-{name}")]
        told = [json.loads(span.attributes["langfuse.observation.metadata.request_id"]) for span in server.spans]
        assert told == [f"{name}-{n}" for n in range(4)]


def test_a_rotated_key_is_used_and_one_that_is_refused_is_read_again(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    export(_CALL)
    bootstrap.trace_export()._secrets = secrets = SecretStore(bundle.settings, bootstrap.tenant_repository())
    secrets.at("acme", "langfuse")
    tenant(langfuse, secret="sk-2")  # elsewhere: who exports remembers the old key
    langfuse.answer(401, 200)

    assert export(_CALL) == []

    assert [secret for _, secret in langfuse.keys] == ["sk-1", "sk-1", "sk-2"]


def test_keys_that_stay_wrong_are_not_tried_twice(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    langfuse.answer(401)

    assert export(_CALL) == ["m0"]
    assert len(langfuse.server.requests) == 1


def test_whoever_has_no_keys_any_longer_is_told_nothing(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    bootstrap.tenant_models_service().remove_credential("acme", "langfuse")
    bootstrap.reset()

    assert export(_CALL) == []
    assert langfuse.server.requests == []


def test_a_dead_a_slow_and_a_failing_langfuse_cost_their_own_tenants_alone(
    bundle: Aws, langfuses: Langfuses, caplog: pytest.LogCaptureFixture
) -> None:
    good, slow, failing, dead = (langfuses() for _ in range(4))
    for server, name in ((good, "good"), (slow, "slow"), (failing, "failing"), (dead, "dead")):
        tenant(server, name)
    dead.server.stop()
    slow.hang()
    failing.answer(500)
    calls = [replace(_CALL, tenant_id=name) for name in ("dead", "slow", "failing", "good")]
    began = monotonic()

    assert export(*calls) == ["m0", "m1", "m2"]

    assert monotonic() - began < 3
    assert len(good.spans) == 1
    assert [line for line in caplog.messages if "Hello" in line] == []
    again = monotonic()
    assert export(*calls) == ["m0", "m1", "m2"]
    assert monotonic() - again < 0.5  # the silent one is not asked again for a while
    assert len(good.spans) == 2
    assert len(slow.server.requests) == 1
    assert len(failing.server.requests) == 2


def test_tenants_that_come_first_at_once_get_all_of_their_spans(bundle: Aws, langfuses: Langfuses) -> None:
    servers = {f"tenant{number}": langfuses() for number in range(6)}
    for name, server in servers.items():
        tenant(server, name)
    program = (
        "import sys, json; from functions.export_traces.handler import handler;"
        "from tests.support.functions import LambdaContext;"
        "print(handler(json.load(sys.stdin), LambdaContext()))"
    )
    bodies = enumerate(encode(replace(_CALL, tenant_id=name)) for name in servers)
    event = {"Records": [record({"MessageId": f"m{n}", "ReceiptHandle": "h", "Body": body}) for n, body in bodies]}

    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=FOLDER.parent,
        env={**bundle.env, "ALLOW_PRIVATE_PROVIDERS": "true", "PATH": "/usr/bin", "PYTHONPATH": str(FOLDER.parent)},
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == "{'batchItemFailures': []}"
    assert [len(server.spans) for server in servers.values()] == [1] * 6


def test_there_are_no_more_threads_than_at_first(bundle: Aws, langfuse: LangfuseServer) -> None:
    for number in range(3):
        tenant(langfuse, f"tenant{number}")
    export(_CALL)
    before = active_count()

    for number in range(12):
        tenant(langfuse, f"tenant{number % 3}", f"sk-{number}")
        bootstrap.secret_store().forget(f"tenant{number % 3}")
        export(replace(_CALL, tenant_id=f"tenant{number % 3}"))

    assert {secret for _, secret in langfuse.keys} == {f"sk-{number}" for number in range(12)}
    assert active_count() <= before + 1  # the last connection of the test's own server


def test_what_a_tenant_must_not_dial_is_not_dialled(
    bundle: Aws, langfuse: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant(langfuse)
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "false")
    bootstrap.reset()

    assert export(_CALL) == ["m0"]
    assert langfuse.server.requests == []


def test_many_large_generations_go_in_several_requests(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    large = [replace(_CALL, request_id=f"r{n}", input="x" * 900_000) for n in range(5)]

    assert export(*large) == []

    assert len(langfuse.server.requests) == 2
    assert len(langfuse.spans) == 5


def test_what_there_is_no_time_for_is_left(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)

    assert export(_CALL, context=LambdaContext(milliseconds=9_999)) == ["m0"]
    assert langfuse.server.requests == []


def test_what_is_no_generation_fails_and_the_rest_arrives(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    bodies = ["nonsense", json.dumps({"tenant_id": "acme"}), encode(_CALL)]
    records = [record({"MessageId": f"m{n}", "ReceiptHandle": "h", "Body": body}) for n, body in enumerate(bodies)]

    answer = handler({"Records": records}, LambdaContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert len(langfuse.spans) == 1


def test_what_keeps_failing_ends_in_the_dead_letter_queue(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse)
    langfuse.answer(500)
    client, url = client_of(bundle.env, "sqs"), bundle.env["TRACE_QUEUE_URL"]
    client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})
    TraceQueue(url).send(_CALL)

    delivered = [deliver(bundle.env, "export_traces") for _ in range(6)]

    assert delivered == [(1, 0)] * 5 + [(0, 0)]
    (dead,) = client.receive_message(QueueUrl=f"{url}-dead")["Messages"]
    assert json.loads(dead["Body"])["request_id"] == "r1"


def test_the_example_of_an_event_arrives(bundle: Aws, langfuse: LangfuseServer) -> None:
    tenant(langfuse, "tenant123")

    assert handler(load_event("queue/export_traces"), LambdaContext()) == {"batchItemFailures": []}

    (span,) = langfuse.spans
    assert span.trace_id == _TRACE


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"httpMethod": "GET", "resource": "/"}])
def test_another_event_is_refused(event: dict[str, Any]) -> None:
    assert handler(event, LambdaContext())["error"]["code"] == "invalid_request"
