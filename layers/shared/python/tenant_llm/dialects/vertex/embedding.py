"""Embeddings: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api."""

from collections.abc import Mapping, Sequence

from tenant_llm.dialects.answers import a_count, an_object, objects
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.gemini import embedding as gemini
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.dialects.vertex.place import post
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

_PREDICT = "predict"
_OF_A_TEXT = frozenset({"task_type", "title"})
_DROPPED = frozenset({"encoding_format", "user"})


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts as instances of one prediction; a model with a method of its own has it in its profile.

    That is ``rename = { predict = "embedContent" }``, which takes one text a call.

    Raises:
        InvalidRequest: When an input is a list of token ids, or there are several for such a model.
        CredentialMissing: When the credential has no project or region.
    """
    quirks = target.config.quirks
    operation = quirks.rename.get(_PREDICT, _PREDICT)
    if operation == _PREDICT:
        return post(target, operation, _prediction(request), version="v1")
    bodies = gemini.singles(request, quirks)
    if len(bodies) != 1:
        raise InvalidRequest(f"input has {len(bodies)} texts: this model takes one a call", param="input")
    return post(target, operation, bodies[0], version="v1beta1")


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:
    """The vectors in the order of the inputs.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    predictions = an_object(body).get("predictions")
    if not isinstance(predictions, list):
        return gemini.parse(response, request, target)
    embeddings = [an_object(item.get("embeddings")) for item in objects(predictions)]
    return EmbeddingResult(checked([item.get("values") for item in embeddings], request), _usage(embeddings))


def _prediction(request: EmbeddingRequest) -> JsonObject:
    given = {name: value for name, value in request.params.items() if name not in _DROPPED}
    single = {"task_type": gemini.TASKS[request.purpose]} | {
        name: value for name, value in given.items() if name in _OF_A_TEXT
    }
    parameters = {name: value for name, value in given.items() if name not in _OF_A_TEXT}
    if request.dimensions is not None:
        parameters["outputDimensionality"] = request.dimensions
    return {"instances": [{"content": text, **single} for text in texts(request)], "parameters": parameters or None}


def _usage(embeddings: Sequence[Mapping[str, Json]]) -> Usage | None:
    counts = [a_count(an_object(item.get("statistics")).get("token_count")) for item in embeddings]
    counted = [count for count in counts if count is not None]
    return Usage(sum(counted)) if counted else None
