"""The rerank and embedding families satisfy the protocols, and no answer makes them fall over."""

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.cohere import embedding as cohere_embedding
from tenant_llm.dialects.cohere import rerank as cohere_rerank
from tenant_llm.dialects.contract import EmbeddingDialect, RerankDialect
from tenant_llm.dialects.jina import embedding as jina_embedding
from tenant_llm.dialects.jina import rerank as jina_rerank
from tenant_llm.dialects.jina_logits import rerank as jina_logits_rerank
from tenant_llm.dialects.nvidia import embedding as nvidia_embedding
from tenant_llm.dialects.nvidia import rerank as nvidia_rerank
from tenant_llm.dialects.tei import embedding as tei_embedding
from tenant_llm.dialects.tei import rerank as tei_rerank
from tenant_llm.dialects.voyage import embedding as voyage_embedding
from tenant_llm.dialects.voyage import rerank as voyage_rerank
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import WireResponse

RERANK: dict[str, RerankDialect] = {
    "jina": jina_rerank,
    "jina_logits": jina_logits_rerank,
    "cohere": cohere_rerank,
    "voyage": voyage_rerank,
    "tei": tei_rerank,
    "nvidia": nvidia_rerank,
}
EMBEDDING: dict[str, EmbeddingDialect] = {
    "jina": jina_embedding,
    "cohere": cohere_embedding,
    "voyage": voyage_embedding,
    "tei": tei_embedding,
    "nvidia": nvidia_embedding,
}
NONSENSE = [b"null", b"1", b'"text"', b"[1]", b"{}", b'{"results": {}}', b'{"data": null}', b'{"embeddings": []}']
TARGET = Target(ModelConfig("t", "m", "F", ModelType.RERANK, "jina", "https://a.example", "m"), Credential())


@pytest.mark.parametrize("family", RERANK)
def test_a_rerank_family_is_found_by_its_name(family: str) -> None:
    assert load.rerank(family) is RERANK[family]


@pytest.mark.parametrize("family", EMBEDDING)
def test_an_embedding_family_is_found_by_its_name(family: str) -> None:
    assert load.embedding(family) is EMBEDDING[family]


@pytest.mark.parametrize("content", NONSENSE)
@pytest.mark.parametrize("family", RERANK)
def test_nonsense_is_no_ranking(family: str, content: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        RERANK[family].parse(WireResponse(200, content), RerankRequest("q", ["d"]), TARGET)


@pytest.mark.parametrize("content", NONSENSE)
@pytest.mark.parametrize("family", EMBEDDING)
def test_nonsense_is_no_vector(family: str, content: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        EMBEDDING[family].parse(WireResponse(200, content), EmbeddingRequest(["d"]), TARGET)
