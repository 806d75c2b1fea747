"""Embeddings by InvokeModel, whose body is the model's own.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from collections.abc import Callable, Mapping

from tenant_llm.dialects.answers import a_count
from tenant_llm.dialects.bedrock.place import model_path, post, vendor
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

_COUNT = "x-amzn-bedrock-input-token-count"


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """The body that the model's maker wants, by its id.

    Raises:
        InvalidRequest: When an input is a list of token ids, or there are several for a model that takes one.
        UnsupportedModelType: When the id tells no maker whose embeddings are known.
    """
    body = _body_of(target)(request)
    return post(target, model_path(target, "invoke"), apply_quirks(body, target.config.quirks))


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors, in the order of the inputs; the tokens are told in a header, by older models in the body.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    body = body if isinstance(body, dict) else {}
    written = response.headers.get(_COUNT, "")
    counted = int(written) if written.isdecimal() else a_count(body.get("inputTextTokenCount"))
    return EmbeddingResult(checked(_vectors(body), request), None if counted is None else Usage(counted))


def _body_of(target: Target) -> Callable[[EmbeddingRequest], JsonObject]:
    maker, model = vendor(target.config.wire_name)
    for (of, prefix), body in _BODIES.items():
        if maker == of and model.startswith(prefix):
            return body
    raise UnsupportedModelType(
        f"the model {target.config.wire_name!r} has no body that is known: its id names no known maker of embeddings",
        param="model",
    )


def _titan(request: EmbeddingRequest) -> JsonObject:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html."""
    return {**request.params, "inputText": _only(request), "dimensions": request.dimensions}


def _cohere(request: EmbeddingRequest) -> JsonObject:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html."""
    return {
        "input_type": f"search_{request.purpose}",
        **request.params,
        "texts": texts(request),
        "output_dimension": request.dimensions,
    }


def _nova(request: EmbeddingRequest) -> JsonObject:
    """https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html."""
    purpose = "GENERIC_INDEX" if request.purpose == "document" else "TEXT_RETRIEVAL"
    single: JsonObject = {
        "embeddingPurpose": purpose,
        **request.params,
        "text": {"truncationMode": "END", "value": _only(request)},
    }
    if request.dimensions is not None:
        single["embeddingDimension"] = request.dimensions
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": single}


_BODIES: Mapping[tuple[str, str], Callable[[EmbeddingRequest], JsonObject]] = {
    ("amazon", "titan-"): _titan,
    ("amazon", "nova-"): _nova,
    ("cohere", ""): _cohere,
}
"""Maker and beginning of the model's name → the body."""


def _only(request: EmbeddingRequest) -> str:
    """The one text of a call; the row's ``max_batch`` is 1 for such models, so that the service splits."""
    found = texts(request)
    if len(found) != 1:
        raise InvalidRequest(f"input has {len(found)} texts: this model takes one a call", param="input")
    return found[0]


def _vectors(body: Mapping[str, Json]) -> Json:
    """The vectors in whichever of the shapes: one alone, a list, objects in a list, lists by their type."""
    if "embedding" in body:
        return [body["embedding"]]
    found = body.get("embeddings", body.get("embeddingsByType"))
    if isinstance(found, dict):
        found = found.get("float")
        return [found] if "embeddingsByType" in body else found
    if isinstance(found, list):
        return [item.get("embedding") if isinstance(item, dict) else item for item in found]
    return found
