"""Embeddings: https://ai.google.dev/api/embeddings."""

from collections.abc import Mapping

from tenant_llm.dialects.answers import a_count, an_object, objects
from tenant_llm.dialects.body import apply_quirks, auth, endpoint
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.gemini.place import KEY, path, resource
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

TASKS: Mapping[str, str] = {"document": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY"}
_PREFIXES = {"document": "title: none | text: ", "query": "task: search result | query: "}
_TOLD = ("task: ", "title: ")
_DROPPED = ("encoding_format", "user")


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """One text as a request, several as so many requests in one; quirks are about the single request.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    quirks, model = target.config.quirks, resource(target)
    requests = [{"model": model, **apply_quirks(single, quirks)} for single in singles(request, quirks)]
    operation = "embedContent" if len(requests) == 1 else "batchEmbedContents"
    return WireRequest(
        url=endpoint(target.config.base_url, path(target, operation), quirks),
        headers=dict(quirks.headers),
        query=dict(quirks.query),
        json=requests[0] if len(requests) == 1 else {"requests": requests},
        auth=auth(quirks, KEY),
    )


def singles(request: EmbeddingRequest, quirks: Quirks) -> list[JsonObject]:
    """One request a text, with the side it stands on: as the task, or told in the text itself.

    Models that want it told have ``rename = { taskType = "prefix" }`` in their profile,
    https://ai.google.dev/gemini-api/docs/embeddings (task prefixes). A text that begins with one keeps its own.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    told = quirks.rename.get("taskType") == "prefix"
    more = {name: value for name, value in request.params.items() if name not in _DROPPED}
    task = {} if told else {"taskType": TASKS[request.purpose]}
    prefix = _PREFIXES[request.purpose] if told else ""
    return [
        {
            "content": {"parts": [{"text": text if text.startswith(_TOLD) else prefix + text}]},
            **task,
            "outputDimensionality": request.dimensions,
            **more,
        }
        for text in texts(request)
    ]


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors in the order of the inputs; models before the second report no usage.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    answer = an_object(body)
    return EmbeddingResult(checked(values_of(answer), request), input_usage(answer))


def values_of(answer: Mapping[str, Json]) -> Json:
    """The bare vectors of an answer; of a single request it holds one."""
    return [item.get("values") for item in objects(answer.get("embeddings") or answer.get("embedding"))]


def input_usage(answer: Mapping[str, Json]) -> Usage | None:
    """The tokens read, where the answer counts them."""
    counted = a_count(an_object(answer.get("usageMetadata")).get("promptTokenCount"))
    return None if counted is None else Usage(counted)
