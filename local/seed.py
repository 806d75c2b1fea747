"""The demo tenant: six models of the sandbox, and a real provider's where the environment names one."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from local.sandbox_provider import MODELS
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import LANGFUSE
from tenant_llm.domain.tenant import TenantModel

TENANT = "demo"


@dataclass(frozen=True, slots=True)
class RealProvider:
    """A provider that the newcomer has: where it is, its key, the model to ask."""

    model: TenantModel
    key: str | None


def real_provider(env: Mapping[str, str]) -> RealProvider | None:
    """What ``OPENAI_API_KEY``, ``OPENAI_BASE_URL`` and ``OPENAI_MODEL`` name, if any of the first two is set.

    With a base URL of one's own and no model named, the server's first one is taken.
    """
    key, base_url = env.get("OPENAI_API_KEY"), env.get("OPENAI_BASE_URL")
    name = env.get("OPENAI_MODEL")
    if base_url:
        name = name or _first_model(base_url, key)
        return RealProvider(TenantModel(TENANT, name, "OpenAI-API-Compatible", ModelType.CHAT, api_base=base_url), key)
    if key:
        return RealProvider(TenantModel(TENANT, name or "gpt-4o-mini", "OpenAI", ModelType.CHAT), key)
    return None


def _first_model(base_url: str, key: str | None) -> str:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{base_url.rstrip('/')}/models", headers=headers, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["data"][0]["id"])


def langfuse_keys(env: Mapping[str, str]) -> dict[str, str] | None:
    """What ``LANGFUSE_PUBLIC_KEY``, ``LANGFUSE_SECRET_KEY`` and ``LANGFUSE_HOST`` name, if both keys are set."""
    variables = {"public_key": "LANGFUSE_PUBLIC_KEY", "secret_key": "LANGFUSE_SECRET_KEY", "host": "LANGFUSE_HOST"}
    keys = {name: env[variable] for name, variable in variables.items() if env.get(variable)}
    return keys if {"public_key", "secret_key"} <= keys.keys() else None


def seed(sandbox_url: str, real: RealProvider | None, langfuse: Mapping[str, str] | None = None) -> str:
    """Create the tenant with its models, defaults and Langfuse keys; returns a caller's token."""
    service = bootstrap.tenant_models_service()
    service.create("Demo tenant", TENANT)
    defaults: dict[ModelType, str | None] = {}
    for name, model_type in MODELS.items():
        model = TenantModel(TENANT, name, "OpenAI-API-Compatible", ModelType(model_type), api_base=sandbox_url)
        service.register(model, "sandbox")
        defaults[model.model_type] = model.address
    if real is not None:
        service.register(real.model, real.key)
        defaults[ModelType.CHAT] = real.model.address
    service.set_defaults(TENANT, defaults)
    if langfuse is not None:
        service.put_credential(TENANT, LANGFUSE, langfuse)
    token, _ = service.issue_token(TENANT, "make run")
    return token
