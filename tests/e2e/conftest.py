"""The local server over a socket: HTTP in, handlers, embedded AWS, a provider on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue

import pytest
from openai import OpenAI

from local.__main__ import free_port, serve
from local.server import application
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.tenant import TenantModel
from tests.support.aws import Aws
from tests.support.booked import settlements
from tests.support.provider import ProviderServer


@pytest.fixture(scope="session")
def api() -> str:
    """The API's URL."""
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
def shop(aws: Aws, monkeypatch: pytest.MonkeyPatch, api: str, provider: ProviderServer) -> Iterator[Shop]:
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    # A provider's error that is counted late, on a busy machine, is still counted within its test.
    monkeypatch.setattr("tenant_llm.services.usage._FAILED_SECONDS", 30)
    bootstrap.reset()
    yield open_shop("shop", api, f"{provider.url}/v1")
    bootstrap.reset()


def open_shop(tenant_id: str, api: str, base_url: str) -> Shop:
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
