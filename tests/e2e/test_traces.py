"""A call's trace, from the caller's headers to his own Langfuse."""

from time import monotonic, sleep

import httpx
import pytest

from local.queue import deliver
from tenant_llm import bootstrap
from tests.e2e.conftest import STACK_URL, Shop
from tests.support.langfuse import LangfuseServer, Span, langfuse_server
from tests.support.provider import ProviderServer

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
_PATIENCE = 60.0


def arrived(request: pytest.FixtureRequest, langfuse: LangfuseServer) -> list[Span]:
    """The spans, once there are some; a stack delivers by itself."""
    until = monotonic() + _PATIENCE
    while not langfuse.spans and monotonic() < until:
        if STACK_URL:
            sleep(0.2)
        else:
            deliver(request.getfixturevalue("aws").env, "export_traces")
    return langfuse.spans


def test_a_call_is_told_to_the_tenants_own_langfuse_alone(
    request: pytest.FixtureRequest, shop: Shop, provider: ProviderServer, langfuse: LangfuseServer
) -> None:
    provider.reply(_ANSWER)
    with langfuse_server() as elsewhere:
        service = bootstrap.tenant_models_service()
        service.create("Another", other := f"{shop.tenant_id}-other")
        for tenant_id, server, key in ((shop.tenant_id, langfuse, "one"), (other, elsewhere, "two")):
            keys = {"public_key": f"pk-{key}", "secret_key": f"sk-{key}", "host": server.url}
            service.put_credential(tenant_id, "langfuse", keys)
        ids = {"x-trace-id": _TRACE, "x-session-id": "session-7", "x-user-id": "user-3"}

        answer = httpx.post(
            f"{shop.url}/v1/chat/completions",
            json={"messages": [{"role": "user", "content": "Hi"}]},
            headers=shop.headers | ids,
            timeout=30,
        )
        (span,) = arrived(request, langfuse)

        assert (answer.status_code, answer.headers["x-trace-id"]) == (200, _TRACE)
        assert (span.trace_id, langfuse.keys) == (_TRACE, [("pk-one", "sk-one")])
        assert span.json("usage_details")["input"] == 11
        assert (span.attributes["session.id"], span.attributes["user.id"]) == ("session-7", "user-3")
        assert elsewhere.server.requests == []
