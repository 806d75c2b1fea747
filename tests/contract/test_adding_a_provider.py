"""The first walk of docs/adding-a-provider.md, played with the page's own blocks."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tenant_llm import TenantLLMService, bootstrap
from tenant_llm.catalogue import load
from tenant_llm.dialects import load as dialects
from tests.support import wire
from tests.support.aws import Aws, add_tenant
from tests.support.functions import directly
from tests.support.provider import ProviderServer

_PAGE = Path(__file__).parents[2] / "docs/adding-a-provider.md"


def block(language: str) -> str:
    """The page's one block of that language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue that has the page's row and no other."""
    (tmp_path / "cerebras.toml").write_text(block("toml"), encoding="utf-8")
    monkeypatch.setattr(load, "_FOLDER", tmp_path)
    load._files.cache_clear()
    load.providers.cache_clear()
    yield
    load._files.cache_clear()
    load.providers.cache_clear()


@pytest.mark.usefixtures("catalogue")
def test_the_row_alone_answers_a_chat_with_its_quirks_applied(
    aws: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    bootstrap.reset()
    add_tenant(aws.settings, address="llama3.1-8b@Cerebras", api_base=f"{provider.url}/v1")
    provider.reply(json.loads(block("json"))["wire_response"]["json"])
    message = {"role": "user", "content": "Hello"}
    event = {"tenant_id": "acme", "messages": [message], "max_tokens": 16, "presence_penalty": 1}

    answer = directly(import_module("functions.invoke_chat.handler").handler, event)

    assert answer["choices"][0]["message"]["content"] == "Hi."
    assert answer["usage"]["total_tokens"] == 39
    sent = provider.requests[0].json
    assert (sent["max_completion_tokens"], "presence_penalty" in sent) == (16, False)
    assert TenantLLMService.split_model_name_and_factory("llama3.1-8b@Cerebras") == ("llama3.1-8b", "Cerebras")


def test_the_golden_case_holds_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "openai/chat/limit_renamed.json"
    path.parent.mkdir(parents=True)
    path.write_text(block("json"), encoding="utf-8")
    case = wire.load_case(path)
    dialect = dialects.chat(case.family)
    assert case.response is not None

    assert dialect.render(case.request, case.target) == case.wire_request
    assert dialect.parse(case.response, case.request, case.target) == case.result
