"""From a family and a model type to its module, imported when first asked for."""

from importlib import import_module
from typing import Any

from tenant_llm.dialects.contract import (
    ChatDialect,
    EmbeddingDialect,
    RerankDialect,
    Speech2TextDialect,
    TtsDialect,
)
from tenant_llm.domain.errors import UnsupportedModelType


def chat(family: str) -> ChatDialect:
    """The family's chat wire; images go through it too."""
    dialect: ChatDialect = _module(family, "chat")
    return dialect


def embedding(family: str) -> EmbeddingDialect:
    """The family's embedding wire."""
    dialect: EmbeddingDialect = _module(family, "embedding")
    return dialect


def rerank(family: str) -> RerankDialect:
    """The family's rerank wire."""
    dialect: RerankDialect = _module(family, "rerank")
    return dialect


def speech2text(family: str) -> Speech2TextDialect:
    """The family's transcription wire."""
    dialect: Speech2TextDialect = _module(family, "speech2text")
    return dialect


def tts(family: str) -> TtsDialect:
    """The family's speech wire."""
    dialect: TtsDialect = _module(family, "tts")
    return dialect


def _module(family: str, model_type: str) -> Any:
    name = f"tenant_llm.dialects.{family}.{model_type}"
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise UnsupportedModelType(f"the wire {family!r} is not spoken for {model_type!r} yet", param="model") from None
