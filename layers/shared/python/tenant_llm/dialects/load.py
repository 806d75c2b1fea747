"""From a family and a model type to its module, imported when first asked for."""

from importlib import import_module
from typing import cast

from tenant_llm.dialects.contract import (
    ChatDialect,
    EmbeddingDialect,
    RerankDialect,
    Speech2TextDialect,
    TtsDialect,
)


def chat(family: str) -> ChatDialect:
    """The family's chat wire; images go through it too."""
    return cast("ChatDialect", import_module(f"tenant_llm.dialects.{family}.chat"))


def embedding(family: str) -> EmbeddingDialect:
    """The family's embedding wire."""
    return cast("EmbeddingDialect", import_module(f"tenant_llm.dialects.{family}.embedding"))


def rerank(family: str) -> RerankDialect:
    """The family's rerank wire."""
    return cast("RerankDialect", import_module(f"tenant_llm.dialects.{family}.rerank"))


def speech2text(family: str) -> Speech2TextDialect:
    """The family's transcription wire."""
    return cast("Speech2TextDialect", import_module(f"tenant_llm.dialects.{family}.speech2text"))


def tts(family: str) -> TtsDialect:
    """The family's speech wire."""
    return cast("TtsDialect", import_module(f"tenant_llm.dialects.{family}.tts"))
