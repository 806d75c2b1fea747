"""What the tests of the transport have in common: settings, a target, a request."""

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Auth, Bearer, WireRequest
from tenant_llm.settings import Settings
from tests.support.provider import ProviderServer

KEY = "sk-very-secret-0123456789"
STRICT = Settings("rows", "tenants", "usage", "tokens", "secrets/")
OPEN = Settings("rows", "tenants", "usage", "tokens", "secrets/", allow_private_providers=True)
_BEARER = Bearer()


def target(key: str | None = KEY, *, needs_key: bool = True, own_url: bool = True) -> Target:
    config = ModelConfig(
        "acme", "m", "F", ModelType.CHAT, "openai", "https://api.example/v1", "m", own_url=own_url, needs_key=needs_key
    )
    return Target(config, Credential({} if key is None else {"api_key": key}))


def soon() -> Deadline:
    return Deadline.after(10)


def post(provider: ProviderServer, auth: Auth = _BEARER) -> WireRequest:
    return WireRequest(f"{provider.url}/v1/x", json={"a": "ü"}, auth=auth)


def events_of(provider: ProviderServer) -> WireRequest:
    return WireRequest(f"{provider.url}/v1/x", json={"stream": True}, framing="sse")


def chain(error: BaseException | None) -> list[BaseException]:
    """An exception and all that stand behind it, shown in a traceback or not."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        item = waiting.pop()
        if item is not None and item not in found:
            found.append(item)
            waiting += [item.__cause__, item.__context__]
    return found
