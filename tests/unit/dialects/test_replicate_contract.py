"""The modules satisfy the protocols, which the type checker judges, and the loader finds them."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import ChatDialect, EmbeddingDialect, JobDialect
from tenant_llm.dialects.replicate import chat, embedding
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.embedding import EmbeddingRequest

CHAT: ChatDialect = chat
EMBEDDING: EmbeddingDialect = embedding
JOBS: tuple[JobDialect[ChatRequest], JobDialect[EmbeddingRequest]] = (chat, embedding)


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("replicate") is CHAT
    assert load.embedding("replicate") is EMBEDDING
