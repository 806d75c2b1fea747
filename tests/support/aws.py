"""AWS for tests: an embedded one over a socket, empty at the start of each test, and one tenant in it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from local.aws import embedded_aws, reset
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import Tenant, TenantModel
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tables import connection
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.settings import Settings


@dataclass(frozen=True, slots=True)
class Aws:
    """The environment that points to the embedded AWS, as variables and as settings."""

    env: Mapping[str, str]
    settings: Settings


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Mapping[str, str]]:
    with embedded_aws() as env:
        yield env


@pytest.fixture
def aws(aws_server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty AWS; the environment points to it, and nothing that was built before is left."""
    reset(aws_server)
    yield from point_to(aws_server, monkeypatch)


def point_to(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Make ``env`` the environment, and everything be built anew in it."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    forget_everything()
    yield Aws(env, Settings.from_env(env))
    forget_everything()


def forget_everything() -> None:
    bootstrap.reset()
    if connection().client.meta.endpoint_url != os.environ["AWS_ENDPOINT_URL"]:  # a client takes long to make
        connection.cache_clear()


def add_tenant(
    settings: Settings,
    tenant_id: str = "acme",
    address: str = "gpt-4@OpenAI",
    model_type: ModelType = ModelType.CHAT,
    api_key: str | None = "sk-of-acme-0123456789",
    api_base: str | None = None,
) -> TenantModel:
    """A tenant with one model, which is its default of that type, and its factory's key."""
    llm_name, _, factory = address.rpartition("@")
    tenants = TenantRepository(settings)
    tenants.create(Tenant(tenant_id, tenant_id.title(), defaults={model_type: address}))
    model = TenantModel(tenant_id, llm_name, factory, model_type, api_base=api_base)
    TenantLLMRepository(settings).put(model)
    if api_key is not None:
        SecretStore(settings, tenants).put(tenant_id, factory, {"api_key": api_key})
    return model


@contextmanager
def recorded() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The operations that are sent to DynamoDB within the block, each with its decoded body."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def record(model: Any, params: dict[str, Any], **_: object) -> None:
        calls.append((model.name, json.loads(params["body"])))

    events = connection().client.meta.events
    events.register("before-call.dynamodb", record)
    try:
        yield calls
    finally:
        events.unregister("before-call.dynamodb", record)
