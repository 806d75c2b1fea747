"""The calls that the pages show, as they stand there, against the local server: curl's, and Python's."""

import json
import re
import subprocess
from importlib import import_module
from io import BytesIO
from typing import Any

import boto3
import pytest

from tenant_llm import bootstrap
from tenant_llm.settings import settings
from tests.e2e.conftest import Shop
from tests.support.aws import add_tenant
from tests.support.functions import directly
from tests.support.pages import Command, commands, pages
from tests.support.provider import ProviderServer

_TENANT, _ADDRESS = "tenant123", "gpt-4@OpenAI"
_CHAT = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine, thanks."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}
_PYTHON = [
    (page.name, block)
    for page in pages()
    for block in page.blocks("python")
    if page.name != "docs/api.md"  # tests/contract/test_api_page.py plays its one with what the adapter sends
]


pytestmark = pytest.mark.not_on_stack("its tenant has the pages' name, which a stack has once")


@pytest.fixture
def tenant(shop: Shop, provider: ProviderServer) -> Shop:
    """The pages' tenant, with the model that they name as its default; the provider answers chats."""
    provider.reply(_CHAT)
    service = bootstrap.tenant_models_service()
    add_tenant(settings(), _TENANT, _ADDRESS, api_base=f"{provider.url}/v1")
    token, _ = service.issue_token(_TENANT, "pages")
    return Shop(_TENANT, token, shop.url)


def _used() -> int:
    row = bootstrap.tenant_llm_repository().find(_TENANT, _ADDRESS)
    assert row is not None
    return row.used_tokens


@pytest.mark.parametrize("command", [one for one in commands() if one.words[0] == "curl"], ids=str)
def test_a_call_by_curl_is_answered_and_booked(command: Command, tenant: Shop) -> None:
    line = command.line.replace("http://127.0.0.1:8080", tenant.url)
    variables = {"TOKEN": tenant.token, "API": tenant.url, "API_URL": f"{tenant.url}/v1"}

    called = subprocess.run(
        ["bash", "-c", f"{line} --silent --show-error --write-out '\\n%{{http_code}}'"],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    answer, _, status = called.stdout.rpartition("\n")
    assert status == "200", called.stdout + called.stderr
    assert json.loads(answer)["choices"][0]["message"]["content"] == "Fine, thanks."
    assert _used() == 13


@pytest.mark.parametrize(("page", "block"), _PYTHON, ids=[f"{name}-{place}" for place, (name, _) in enumerate(_PYTHON)])
def test_an_example_in_python_runs_and_is_booked(
    page: str, block: str, tenant: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", _Invoker)
    names: dict[str, Any] = {"token": tenant.token}

    exec(compile(block.replace("http://127.0.0.1:8080", tenant.url), page, "exec"), names)

    assert _used() == 13 + sum(map(int, re.findall(r"used_tokens=(\d+)", block)))


class _Invoker:
    """Lambda's client as the examples use it: the function is called in this process."""

    def __init__(self, service: str) -> None:
        assert service == "lambda"

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        name, _, alias = FunctionName.removeprefix("tenant-llm-dev-").partition(":")
        assert alias == "live"
        folder = name.replace("-", "_")
        answer = directly(import_module(f"functions.{folder}.handler").handler, json.loads(Payload))
        assert "error" not in answer, answer
        return {"StatusCode": 200, "Payload": BytesIO(json.dumps(answer).encode())}
