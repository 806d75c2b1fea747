"""A Bedrock model by a role of the tenant's account: from the operator's key to what AWS is asked and what is sent."""

from collections.abc import Iterator
from importlib import import_module
from json import dumps
from typing import Any

import pytest
from botocore.client import BaseClient

from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.transport.auth import role
from tests.support.aws import Aws, add_tenant
from tests.support.functions import directly
from tests.support.provider import ProviderServer

MODEL = "amazon.nova-pro-v1:0"
ARN = "arn:aws:iam::111122223333:role/tenant-llm-models"
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello!"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    role.keys.cache_clear()
    role._session.cache_clear()
    yield
    role.keys.cache_clear()
    role._session.cache_clear()


@pytest.fixture
def taken_on(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What STS is asked for, which answers all the same."""
    asked: list[dict[str, Any]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "AssumeRole":
            asked.append(arguments)
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return asked


def _register(aws: Aws, provider: ProviderServer, tenant_id: str, **fields: str) -> None:
    add_tenant(aws.settings, tenant_id)
    model = TenantModel(tenant_id, MODEL, "Bedrock", ModelType.CHAT, api_base=provider.url)
    bootstrap.tenant_models_service().register(model, dumps({"bedrock_region": "eu-west-1", **fields}))


def _chat(tenant_id: str) -> Any:
    event = {"tenant_id": tenant_id, "llm_name": f"{MODEL}@Bedrock", "messages": [{"role": "user", "content": "Hi"}]}
    return directly(import_module("functions.invoke_chat.handler").handler, event)


def test_every_tenants_role_is_taken_on_in_its_own_name(
    aws: Aws, provider: ProviderServer, taken_on: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSUMABLE_ROLE_ARN", "arn:aws:iam::*:role/tenant-llm-*")
    bootstrap.reset()
    for tenant_id in ("acme", "umbrella"):
        _register(aws, provider, tenant_id, auth_mode="iam_role", aws_role_arn=ARN, bedrock_ak="", bedrock_sk="")
    provider.reply(ANSWER)

    texts = [_chat(tenant_id)["choices"][0]["message"]["content"] for tenant_id in ("acme", "umbrella", "acme")]

    assert texts == ["Hello!"] * 3
    assert [(asked["RoleArn"], asked["ExternalId"]) for asked in taken_on] == [
        (ARN, f"{aws.settings.secret_prefix}acme"),
        (ARN, f"{aws.settings.secret_prefix}umbrella"),
    ]
    for request in provider.requests:
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=ASIA")
        assert "/eu-west-1/bedrock/aws4_request" in request.headers["authorization"]
        assert request.headers["x-amz-security-token"]


def test_a_deployment_that_takes_on_no_roles_says_so(
    aws: Aws, provider: ProviderServer, taken_on: list[dict[str, Any]]
) -> None:
    bootstrap.reset()
    _register(aws, provider, "acme", aws_role_arn=ARN)

    answer = _chat("acme")

    assert answer["error"]["param"] == "aws_role_arn"
    assert "AssumableRoleArn" in answer["error"]["message"]
    assert (taken_on, provider.connections) == ([], 0)
