"""The modules satisfy the protocols, which the type checker judges, and the loader finds them."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import EmbeddingDialect, RerankDialect, Speech2TextDialect, TtsDialect
from tenant_llm.dialects.dashscope import embedding, rerank, speech2text, tts

EMBEDDING: EmbeddingDialect = embedding
RERANK: RerankDialect = rerank
SPEECH2TEXT: Speech2TextDialect = speech2text
TTS: TtsDialect = tts


def test_the_family_is_found_by_its_name() -> None:
    assert load.embedding("dashscope") is EMBEDDING
    assert load.rerank("dashscope") is RERANK
    assert load.speech2text("dashscope") is SPEECH2TEXT
    assert load.tts("dashscope") is TTS
