"""The modules satisfy the protocols, which the type checker judges, and the loader finds them."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import EmbeddingDialect, RerankDialect
from tenant_llm.dialects.qianfan import embedding, rerank

EMBEDDING: EmbeddingDialect = embedding
RERANK: RerankDialect = rerank


def test_the_family_is_found_by_its_name() -> None:
    assert load.embedding("qianfan") is EMBEDDING
    assert load.rerank("qianfan") is RERANK
