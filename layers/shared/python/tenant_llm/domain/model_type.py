"""The closed set of model types a tenant can ask for."""

from enum import StrEnum


class ModelType(StrEnum):
    """What a model is asked to do. The values are what rows, requests and events carry."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    SPEECH2TEXT = "speech2text"
    IMAGE2TEXT = "image2text"
    RERANK = "rerank"
    TTS = "tts"
