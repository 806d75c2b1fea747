"""The modules satisfy the protocols, which the type checker judges, and the loader finds them."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import ChatDialect, EmbeddingDialect, RerankDialect
from tenant_llm.dialects.qianfan import chat, embedding, rerank

CHAT: ChatDialect = chat
EMBEDDING: EmbeddingDialect = embedding
RERANK: RerankDialect = rerank


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("qianfan") is CHAT
    assert load.embedding("qianfan") is EMBEDDING
    assert load.rerank("qianfan") is RERANK
