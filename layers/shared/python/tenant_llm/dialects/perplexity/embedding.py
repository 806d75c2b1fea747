"""Embeddings: https://docs.perplexity.ai/api-reference/embeddings-post.

The numbers are whole, from -128 to 127, and not normalised: they are to be compared by their cosine.
"""

import re
from array import array

from tenant_llm.dialects.answers import objects
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai.usage import input_usage
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

_PATH, _IN_CONTEXT_PATH = "embeddings", "contextualizedembeddings"
_VERSION = "v1"  # which chat does without
_IN_CONTEXT = re.compile(r"-context-")


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts; to a model that reads pieces in the context of their document, each is a document of its own.

    The base URL may end in the version or before it.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    in_context = _IN_CONTEXT.search(target.config.wire_name)
    found = texts(request)
    body = {
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": [[text] for text in found] if in_context else found,
        "dimensions": request.dimensions,
        "encoding_format": "base64_int8",
    }
    path = _IN_CONTEXT_PATH if in_context else _PATH
    versioned = target.config.base_url.rstrip("/").endswith(f"/{_VERSION}")
    return post_json(target, path if versioned else f"{_VERSION}/{path}", body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors, in the order of the texts.

    Raises:
        MalformedAnswer: When there is not one vector a text, or one is no base64.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    body = body if isinstance(body, dict) else {}
    items = sorted(objects(body.get("data")), key=_index)
    vectors = [_vector(piece) for item in items for piece in (objects(item["data"]) if "data" in item else [item])]
    return EmbeddingResult(checked(vectors, request), input_usage(body.get("usage")), body.get("model") or "")


def _index(item: JsonObject) -> int:
    index = item.get("index")
    return index if isinstance(index, int) else 0


def _vector(item: JsonObject) -> list[float]:
    packed: Json = item.get("embedding")
    try:
        return [float(number) for number in array("b", decode_base64(packed, "embedding"))]
    except InvalidRequest as error:
        raise MalformedAnswer(f"the provider's vector is not base64: {str(packed)[:40]!r}") from error
