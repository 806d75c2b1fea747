"""Embeddings: https://platform.openai.com/docs/api-reference/embeddings/create."""

import struct

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai.usage import input_usage
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

PATH = "embeddings"


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts or token ids as they are; this wire has no word for the purpose."""
    body = {
        "encoding_format": "float",
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": list(request.inputs),
        "dimensions": request.dimensions,
    }
    return post_json(target, PATH, body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors in the order of the inputs, whatever the order and encoding of the answer.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    data = body.get("data") if isinstance(body, dict) else None
    items = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    if len(items) != len(request.inputs):
        raise MalformedAnswer(f"the provider answered with {len(items)} vectors for {len(request.inputs)} inputs")
    ordered = sorted(items, key=_index)
    return EmbeddingResult(
        vectors=[_vector(item.get("embedding")) for item in ordered],
        usage=input_usage(body.get("usage")),
        model=body.get("model") or "",
    )


def _index(item: JsonObject) -> int:
    """The item's place; an answer without numbers is taken in the order it has."""
    index = item.get("index")
    return index if isinstance(index, int) else 0


def _vector(embedding: Json) -> list[float]:
    """A list of numbers, or the base64 of little-endian 32-bit floats."""
    if isinstance(embedding, list):
        return embedding
    try:
        packed = decode_base64(embedding, "embedding")
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    except (InvalidRequest, struct.error) as error:
        raise MalformedAnswer(
            f"the provider's vector is neither numbers nor base64: {str(embedding)[:40]!r}"
        ) from error
