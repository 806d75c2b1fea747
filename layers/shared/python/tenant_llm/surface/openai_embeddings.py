"""Embeddings: https://platform.openai.com/docs/api-reference/embeddings/create."""

from base64 import b64encode
from dataclasses import dataclass
from struct import pack
from typing import Annotated, Literal

from pydantic import Field

from tenant_llm.domain.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import shortened
from tenant_llm.surface.invocation import InvocationBody, body_of, more_usage, params

type Encoding = Literal["float", "base64"]


class EmbeddingBody(InvocationBody):
    """``input_type`` is this service's: on which side of a search the texts stand."""

    input: Json
    encoding_format: Encoding | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None
    input_type: Literal["query", "document"] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """An embedding asked for, and how its vectors are to be written."""

    model: str | None
    request: EmbeddingRequest
    encoding: Encoding = "float"


def ask(call: Call) -> EmbeddingCall:
    """The embedding that a call asks for.

    Raises:
        InvalidRequest: When ``input`` is not one text, texts, token ids, or lists of them.
        ValidationError: When another field cannot be right.
    """
    body = body_of(call, ModelType.EMBEDDING)
    checked = EmbeddingBody.model_validate(body)
    request = EmbeddingRequest(
        inputs=_inputs(checked.input),
        purpose=checked.input_type or "document",
        dimensions=checked.dimensions,
        params=params(body, *EmbeddingBody.model_fields),
    )
    return EmbeddingCall(checked.model, request, checked.encoding_format or "float")


def render(result: EmbeddingResult, encoding: Encoding = "float") -> JsonObject:
    """OpenAI's list of embeddings, in the order of the inputs.

    ``base64`` is what OpenAI's own client asks for: the vector's numbers as little-endian 32-bit floats.
    """
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
            for index, vector in enumerate(result.vectors)
        ],
        "model": result.model,
        "usage": _usage(result.usage or Usage(estimated=True)),
    }


def _inputs(given: Json) -> list[EmbeddingInput]:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise InvalidRequest(
            f"input is {shortened(given)}: not a text, a list of texts, or a list of token ids", param="input"
        )
    if all(_is_token(item) for item in given):
        return [given]
    for index, item in enumerate(given):
        tokens = isinstance(item, list) and item and all(_is_token(token) for token in item)
        if not tokens and not isinstance(item, str):
            where = f"input[{index}]"
            raise InvalidRequest(f"{where} is {shortened(item)}: not a text or a list of token ids", param=where)
    return given


def _is_token(item: Json) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and item >= 0


def _encoded(vector: list[float], encoding: Encoding) -> list[float] | str:
    return vector if encoding == "float" else b64encode(pack(f"<{len(vector)}f", *vector)).decode()


def _usage(usage: Usage) -> JsonObject:
    return {"prompt_tokens": usage.input_tokens, "total_tokens": usage.total_tokens, **more_usage(usage)}
