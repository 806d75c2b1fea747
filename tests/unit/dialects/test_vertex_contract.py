"""The modules satisfy the protocols, which the type checker judges, and the loader finds them."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import ChatDialect, EmbeddingDialect
from tenant_llm.dialects.vertex import chat, embedding

CHAT: ChatDialect = chat
EMBEDDING: EmbeddingDialect = embedding


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("vertex") is CHAT
    assert load.embedding("vertex") is EMBEDDING
