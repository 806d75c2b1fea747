"""Embeddings: https://platform.minimaxi.com/document/guides/embeddings."""

from dataclasses import replace

from tenant_llm.dialects.answers import a_count
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import WireRequest, WireResponse

PATH = "embeddings"
_TYPES = {"document": "db", "query": "query"}


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the side they stand on; older accounts name their group in the query.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    body = {
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "texts": texts(request),
        "type": _TYPES[request.purpose],
    }
    wire = post_json(target, PATH, body)
    group = target.credential.fields.get("group_id", "").strip()
    return replace(wire, query={"GroupId": group, **wire.query}) if group else wire


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors, which come in the order of the texts.

    Raises:
        MalformedAnswer: When there is not one vector a text.
        ProviderError: When ``base_resp`` tells of an error, whatever the status.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    body = body if isinstance(body, dict) else {}
    total = a_count(body.get("total_tokens"))
    return EmbeddingResult(checked(body.get("vectors"), request), None if total is None else Usage(total))
