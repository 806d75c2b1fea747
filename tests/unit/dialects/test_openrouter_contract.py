"""The module satisfies the protocol, which the type checker judges, and the loader finds it."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import ChatDialect
from tenant_llm.dialects.openrouter import chat

CHAT: ChatDialect = chat


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("openrouter") is CHAT
