"""The SDK's client that ``LLM4Tenant.langfuse`` is: of the tenant's own keys, as they are now."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from threading import active_count

import pytest

from tenant_llm import LLM4Tenant, bootstrap
from tenant_llm.telemetry.langfuse import Clients
from tests.support.aws import Aws, add_tenant
from tests.support.langfuse import LangfuseServer

type Langfuses = Callable[[], LangfuseServer]


@pytest.fixture
def clients(bundle: Aws) -> Iterator[Clients]:
    yield bootstrap.langfuse_clients()
    bootstrap.langfuse_clients().close()


def keep(langfuse: LangfuseServer, tenant_id: str, secret: str = "sk-1", public: str = "pk-1") -> None:
    keys = {"public_key": public, "secret_key": secret, "host": langfuse.url}
    bootstrap.tenant_models_service().put_credential(tenant_id, "langfuse", keys)


def trace(llm: LLM4Tenant, name: str) -> None:
    client = llm.langfuse
    assert client is not None
    client.start_observation(name=name, trace_context={"trace_id": llm.trace_context["trace_id"]}).end()
    client.flush()


def test_spans_of_one_s_own_stand_under_the_trace_of_the_calls(
    clients: Clients, bundle: Aws, langfuse: LangfuseServer
) -> None:
    add_tenant(bundle.settings)
    keep(langfuse, "acme")
    llm = LLM4Tenant("acme", "chat")

    trace(llm, "mine")

    (span,) = langfuse.spans
    assert (span.name, span.trace_id) == ("mine", llm.trace_context["trace_id"])
    assert langfuse.keys == [("pk-1", "sk-1")]
    assert llm.langfuse is llm.langfuse
    assert llm.mdl._caller(dict(llm.mdl.params)).context.trace_id == llm.trace_context["trace_id"]


def test_two_tenants_with_one_public_key_are_kept_apart(clients: Clients, bundle: Aws, langfuses: Langfuses) -> None:
    ours, theirs = langfuses(), langfuses()
    for server, name in ((ours, "acme"), (theirs, "bolt")):
        add_tenant(bundle.settings, name)
        keep(server, name, f"sk-{name}")
    both = [LLM4Tenant(name, "chat") for name in ("acme", "bolt")]

    for llm in (*both, *both):
        trace(llm, llm.tenant_id)

    assert [span.name for span in ours.spans] == ["acme"] * 2
    assert [span.name for span in theirs.spans] == ["bolt"] * 2
    assert set(theirs.keys) == {("pk-1", "sk-bolt")}


def test_a_changed_secret_makes_a_new_client_and_leaves_no_threads(
    clients: Clients, bundle: Aws, langfuse: LangfuseServer
) -> None:
    add_tenant(bundle.settings)
    keep(langfuse, "acme")
    llm = LLM4Tenant("acme", "chat")
    trace(llm, "first")
    first, threads = llm.langfuse, active_count()

    for number in range(2, 8):
        keep(langfuse, "acme", f"sk-{number}")
        trace(llm, f"with {number}")

    assert llm.langfuse is not first
    assert [secret for _, secret in langfuse.keys] == [f"sk-{number}" for number in range(1, 8)]
    assert active_count() <= threads + 1


def test_no_more_clients_are_kept_than_are_used(
    clients: Clients, langfuse: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenant_llm.domain.target import Credential

    monkeypatch.setattr("tenant_llm.telemetry.langfuse._CLIENTS", 2)
    keys = Credential({"public_key": "pk", "secret_key": "sk", "host": langfuse.url})
    first = clients.client("a", keys)
    threads = active_count()

    for name in "bcdefgh":
        clients.client(name, keys)

    assert clients.client("a", keys) is not first
    assert active_count() < threads + 5


def test_what_must_not_be_dialled_is_not_dialled(
    clients: Clients, bundle: Aws, langfuse: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tenant(bundle.settings)
    keep(langfuse, "acme")
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "false")
    bootstrap.reset()

    trace(LLM4Tenant("acme", "chat"), "mine")

    assert langfuse.server.requests == []


def test_the_trace_of_the_calls_needs_neither_the_sdk_nor_a_secret(bundle: Aws, langfuse: LangfuseServer) -> None:
    add_tenant(bundle.settings)
    keep(langfuse, "acme")
    program = (
        "import sys; from tenant_llm import LLM4Tenant;"
        "from tenant_llm.repositories.secret_versions import SecretVersions; SecretVersions.read = None;"
        "llm = LLM4Tenant('acme', 'chat');"
        "print(len(llm.trace_context['trace_id']), 'langfuse' in sys.modules, 'opentelemetry' in sys.modules)"
    )

    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**bundle.env, "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["32", "False", "False"]
