"""A caller's view: HTTP in, handlers, AWS, a provider on loopback.

The API is the local server over an embedded AWS; with ``E2E_STACK_URL`` in the environment it is a deployed stack's,
whose tables the environment names too. Such a stack is asked from outside alone: tests that look into the server's
process do not run on it, nor those that say by ``not_on_stack`` what it has not.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from uuid import uuid4

import pytest
from openai import OpenAI

from local.__main__ import free_port, serve
from local.server import application
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.tenant import TenantModel
from tests.support.booked import settlements
from tests.support.provider import ProviderServer

STACK_URL = os.environ.get("E2E_STACK_URL")
_INSIDE = {"booked", "aws"}
"""Fixtures that look into the server's process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a stack, leave out what cannot be seen from outside."""
    for item in items:
        if STACK_URL and (reason := _reason(item)):
            item.add_marker(pytest.mark.skip(reason=reason))


def _reason(item: pytest.Item) -> str | None:
    if marker := item.get_closest_marker("not_on_stack"):
        return str(marker.args[0])
    return "looks into the server's process" if _INSIDE & set(getattr(item, "fixturenames", ())) else None


@pytest.fixture(scope="session")
def api() -> str:
    """The API's URL."""
    if STACK_URL:
        return STACK_URL
    return f"http://127.0.0.1:{serve(application(), free_port())}"


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant with a self-hosted model of every type at the test's provider, all of them its defaults."""

    tenant_id: str
    token: str
    url: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def used(self, model_type: ModelType) -> int:
        """Tokens booked on the row of that type."""
        address = f"my-{model_type}@OpenAI-API-Compatible"
        row = bootstrap.tenant_llm_repository().find(self.tenant_id, address)
        assert row is not None
        return row.used_tokens


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, api: str, provider: ProviderServer
) -> Iterator[Shop]:
    if not STACK_URL:
        request.getfixturevalue("aws")
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    # A provider's error that is counted late, on a busy machine, is still counted within its test.
    monkeypatch.setattr("tenant_llm.services.usage._FAILED_SECONDS", 30)
    bootstrap.reset()
    yield open_shop("shop", api, f"{provider.url}/v1")
    bootstrap.reset()


def open_shop(name: str, api: str, base_url: str) -> Shop:
    """A new tenant, whose id begins with the name: a stack remembers those of other tests."""
    tenant_id = f"{name}-{uuid4().hex[:8]}"
    service = bootstrap.tenant_models_service()
    service.create(tenant_id.title(), tenant_id)
    defaults: dict[ModelType, str | None] = {}
    for model_type in ModelType:
        name = f"my-{model_type}"
        model = TenantModel(tenant_id, name, "OpenAI-API-Compatible", model_type, api_base=base_url)
        service.register(model)
        defaults[model_type] = model.address
    service.put_credential(tenant_id, "OpenAI-API-Compatible", "key-of-the-shop-0123456789")
    service.set_defaults(tenant_id, defaults)
    token, _ = service.issue_token(tenant_id, "e2e")
    return Shop(tenant_id, token, api)


@pytest.fixture
def client(shop: Shop) -> Iterator[OpenAI]:
    """OpenAI's own client; only the base URL and the key are ours."""
    with OpenAI(base_url=f"{shop.url}/v1", api_key=shop.token, max_retries=0) as client:
        yield client


@pytest.fixture
def booked(shop: Shop) -> Iterator[Queue[Settlement]]:
    """Every settlement of the test, as soon as it is stored."""
    assert shop
    with settlements() as seen:
        yield seen
