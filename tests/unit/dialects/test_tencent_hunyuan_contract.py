"""The module satisfies the protocol, which the type checker judges; the loader finds it; no key is in its refusal."""

from dataclasses import replace

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import ChatDialect
from tenant_llm.dialects.tencent_hunyuan import chat
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import CredentialMissing
from tenant_llm.domain.target import Credential
from tests.support.transport import target

CHAT: ChatDialect = chat


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("tencent_hunyuan") is CHAT


@pytest.mark.parametrize("fields", [{"hunyuan_sk": "s3cret"}, {"api_key": '{"hunyuan_sk": "s3cret"}'}])
def test_the_refusal_tells_the_field_and_never_the_key(fields: dict[str, str]) -> None:
    with pytest.raises(CredentialMissing) as caught:
        CHAT.render(ChatRequest(()), replace(target(), credential=Credential(fields)))

    assert caught.value.param == "api_key"
    assert "s3cret" not in caught.value.message
