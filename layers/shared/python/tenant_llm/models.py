"""Model objects: what ``LLM4Tenant.mdl`` is. Every call is settled and returns a result with its ``usage``."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, assert_never
from uuid import uuid4

from tenant_llm import bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.image2text import DescriptionRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.speech2text import TranscriptionDelta, TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.trace import derived_trace_id
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.wire import File, JsonObject
from tenant_llm.services.invocation import Started
from tenant_llm.services.tts import SpeechStream
from tenant_llm.settings import settings
from tenant_llm.surface.trace_context import joined, trace_context


class Model:
    """A tenant's model of one type; ``params`` go with every call, a call's own go over them."""

    def __init__(self, config: ModelConfig, lang: str, params: Mapping[str, Any]) -> None:
        self.config = config
        self.lang = lang
        self.params = dict(params)

    def _caller(self, params: dict[str, Any]) -> Caller:
        """Who calls; a ``request_id`` among the parameters makes a repeat of the call count once.

        ``trace`` among them says where the call belongs: ``trace_id``, ``parent_id``, ``session_id``, ``user_id``, of
        which a call's own go over those of the object.
        """
        request_id = params.pop("request_id", None) or uuid4().hex
        told = joined(self.params.get("trace"), params.pop("trace", None))
        trace = trace_context(told, derived_trace_id(self.config.tenant_id, request_id))
        return Caller(self.config.tenant_id, request_id, Deadline.after(settings().provider_timeout), trace)


class ChatModel(Model):
    """Answers conversations."""

    def chat(self, messages: str | Sequence[JsonObject], **params: Any) -> ChatResult:
        """The answer to a text, or to messages in OpenAI's shape; ``params`` are OpenAI's, such as ``tools``."""
        params = {**self.params, **params}
        caller = self._caller(params)
        return bootstrap.chat_service().invoke(caller, self.config.address, _chat_request(messages, params))

    def chat_stream(self, messages: str | Sequence[JsonObject], **params: Any) -> Started[ChatDelta]:
        """The same in deltas as they arrive; the last carries the usage. ``close()`` hangs up."""
        params = {**self.params, **params}
        caller = self._caller(params)
        return bootstrap.chat_service().stream(caller, self.config.address, _chat_request(messages, params))


class EmbeddingModel(Model):
    """Embeds texts."""

    def encode(self, texts: Sequence[str], **params: Any) -> EmbeddingResult:
        """One vector a text, for texts that will be searched."""
        return self._embed(EmbeddingRequest(list(texts)), params)

    def encode_queries(self, text: str, **params: Any) -> EmbeddingResult:
        """One vector, for a text that searches."""
        return self._embed(EmbeddingRequest([text], purpose="query"), params)

    def _embed(self, request: EmbeddingRequest, params: dict[str, Any]) -> EmbeddingResult:
        params = {**self.params, **params}
        caller = self._caller(params)
        dimensions = params.pop("dimensions", None)
        request = EmbeddingRequest(request.inputs, request.purpose, dimensions, params)
        return bootstrap.embedding_service().invoke(caller, self.config.address, request)


class RerankModel(Model):
    """Judges texts against a query."""

    def similarity(self, query: str, texts: Sequence[str], **params: Any) -> RerankResult:
        """A score in [0, 1] a text; ``scores`` of the result has them in the texts' order."""
        params = {**self.params, **params}
        caller = self._caller(params)
        request = RerankRequest(query, list(texts), params.pop("top_n", None), params)
        return bootstrap.rerank_service().invoke(caller, self.config.address, request)


class Image2TextModel(Model):
    """Describes images."""

    def describe(self, image: bytes | str, **params: Any) -> ChatResult:
        """What an image shows, told in the object's language; ``image`` is bytes, an ``https:`` or a ``data:`` URL."""
        return self.describe_with_prompt(image, None, **params)

    def describe_with_prompt(self, image: bytes | str, prompt: str | None = None, **params: Any) -> ChatResult:
        """The answer to a question about an image."""
        params = {**self.params, **params}
        caller = self._caller(params)
        url = image if isinstance(image, str) else _data_url(image)
        request = DescriptionRequest(url, prompt, self.lang, params)
        return bootstrap.image2text_service().invoke(caller, self.config.address, request)


class Speech2TextModel(Model):
    """Transcribes audio."""

    def transcription(self, audio: bytes | str | Path | BinaryIO, **params: Any) -> TranscriptionResult:
        """The text of a recording: its bytes, its file's path, or an open file."""
        params = {**self.params, **params}
        caller = self._caller(params)
        return bootstrap.speech2text_service().invoke(caller, self.config.address, _transcription(audio, params))

    def transcription_stream(self, audio: bytes | str | Path | BinaryIO, **params: Any) -> Started[TranscriptionDelta]:
        """The same in deltas as they arrive; the last carries the result with its usage. ``close()`` hangs up."""
        params = {**self.params, **params}
        caller = self._caller(params)
        return bootstrap.speech2text_service().stream(caller, self.config.address, _transcription(audio, params))


class TtsModel(Model):
    """Speaks text."""

    def tts(self, text: str, **params: Any) -> SpeechResult:
        """The audio of a text; ``voice``, ``format`` and ``speed`` as OpenAI has them."""
        params = {**self.params, **params}
        caller = self._caller(params)
        return bootstrap.tts_service().invoke(caller, self.config.address, _speech(text, params))

    def tts_stream(self, text: str, **params: Any) -> SpeechStream:
        """The same in deltas as they arrive; the last carries the usage and no audio. ``close()`` hangs up."""
        params = {**self.params, **params}
        caller = self._caller(params)
        return bootstrap.tts_service().stream(caller, self.config.address, _speech(text, params))


def model_object(config: ModelConfig, lang: str, params: Mapping[str, Any]) -> Model:
    """The object for a config's model type."""
    match config.model_type:
        case ModelType.CHAT:
            return ChatModel(config, lang, params)
        case ModelType.EMBEDDING:
            return EmbeddingModel(config, lang, params)
        case ModelType.RERANK:
            return RerankModel(config, lang, params)
        case ModelType.IMAGE2TEXT:
            return Image2TextModel(config, lang, params)
        case ModelType.SPEECH2TEXT:
            return Speech2TextModel(config, lang, params)
        case ModelType.TTS:
            return TtsModel(config, lang, params)
    assert_never(config.model_type)


def _chat_request(messages: str | Sequence[JsonObject], params: dict[str, Any]) -> ChatRequest:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return ChatRequest(
        list(messages),
        tools=params.pop("tools", None) or (),
        tool_choice=params.pop("tool_choice", None),
        response_format=params.pop("response_format", None),
        params=params,
    )


def _transcription(audio: bytes | str | Path | BinaryIO, params: dict[str, Any]) -> TranscriptionRequest:
    return TranscriptionRequest(_file(audio), params.pop("language", None), params.pop("prompt", None), params)


def _speech(text: str, params: dict[str, Any]) -> SpeechRequest:
    return SpeechRequest(text, params.pop("voice", None), params.pop("format", None), params.pop("speed", None), params)


def _data_url(image: bytes) -> str:
    return f"data:{_image_type(image)};base64,{b64encode(image).decode()}"


def _image_type(image: bytes) -> str:
    """The media type by the file's first bytes, JPEG where nothing else fits."""
    for start, media_type in _IMAGE_STARTS.items():
        if image.startswith(start):
            return media_type
    return "image/webp" if image[8:12] == b"WEBP" else "image/jpeg"


_IMAGE_STARTS = {b"\x89PNG": "image/png", b"GIF8": "image/gif"}


def _file(audio: bytes | str | Path | BinaryIO) -> File:
    if isinstance(audio, bytes):
        return File("audio.wav", audio, "audio/wav")
    if isinstance(audio, str | Path):
        return File(Path(audio).name, Path(audio).read_bytes())
    return File(Path(getattr(audio, "name", "audio.wav")).name, audio.read())
