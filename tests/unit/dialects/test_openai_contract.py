"""The modules satisfy the protocols; the type checker judges the annotations, the test that the loader finds them."""

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.azure_openai import chat as azure_chat
from tenant_llm.dialects.azure_openai import embedding as azure_embedding
from tenant_llm.dialects.azure_openai import speech2text as azure_speech2text
from tenant_llm.dialects.azure_openai import tts as azure_tts
from tenant_llm.dialects.contract import ChatDialect, EmbeddingDialect, Speech2TextDialect, TtsDialect
from tenant_llm.dialects.openai import chat, embedding, speech2text, tts

CHAT: dict[str, ChatDialect] = {"openai": chat, "azure_openai": azure_chat}
EMBEDDING: dict[str, EmbeddingDialect] = {"openai": embedding, "azure_openai": azure_embedding}
SPEECH2TEXT: dict[str, Speech2TextDialect] = {"openai": speech2text, "azure_openai": azure_speech2text}
TTS: dict[str, TtsDialect] = {"openai": tts, "azure_openai": azure_tts}


@pytest.mark.parametrize("family", ["openai", "azure_openai"])
def test_a_family_is_found_by_its_name(family: str) -> None:
    assert load.chat(family) is CHAT[family]
    assert load.embedding(family) is EMBEDDING[family]
    assert load.speech2text(family) is SPEECH2TEXT[family]
    assert load.tts(family) is TTS[family]
