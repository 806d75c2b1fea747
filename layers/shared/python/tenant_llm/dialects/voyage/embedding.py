"""Embeddings: https://docs.voyageai.com/reference/embeddings-api, and endpoints of two kinds of models beside it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from json import dumps

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.openai import embedding as openai
from tenant_llm.dialects.vectors import texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the side they stand on; the dimensions are ``output_dimension`` here.

    A model that reads a text with its neighbours, or images too, has an endpoint of its own: its profile says which,
    by the path, and its texts are wrapped as that endpoint wants them, each standing alone.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    path = target.config.quirks.path or openai.PATH
    body = {
        "input_type": request.purpose,
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        **_INPUTS.get(path.rpartition("/")[2], _plain)(texts(request)),
        "output_dimension": request.dimensions,
    }
    return post_json(target, path, body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:
    """The vectors in the order of the inputs.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    if isinstance(body, dict) and isinstance(body.get("data"), list):
        body = {**body, "data": [_flat(item) for item in body["data"]]}
        response = replace(response, content=dumps(body).encode())
    return openai.parse(response, request, target)


def _plain(given: list[str]) -> JsonObject:
    return {"input": given}


def _documents(given: list[str]) -> JsonObject:
    """https://docs.voyageai.com/reference/contextualized-embeddings-api: each text a document of one chunk."""
    return {"inputs": [[text] for text in given]}


def _mixed(given: list[str]) -> JsonObject:
    """https://docs.voyageai.com/reference/multimodal-embeddings-api."""
    return {"inputs": [{"content": [{"type": "text", "text": text}]} for text in given]}


_INPUTS: Mapping[str, Callable[[list[str]], JsonObject]] = {
    "contextualizedembeddings": _documents,
    "multimodalembeddings": _mixed,
}


def _flat(item: Json) -> Json:
    """A document of one chunk as that chunk, in the document's place."""
    chunks = item.get("data") if isinstance(item, dict) else None
    if isinstance(chunks, list) and len(chunks) == 1 and isinstance(chunks[0], dict):
        return {**chunks[0], "index": item.get("index")}
    return item
