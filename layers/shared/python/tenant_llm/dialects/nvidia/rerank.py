"""Ranking: https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/reference.html."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai.usage import input_usage
from tenant_llm.dialects.ranking import ranked, sigmoid
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse

_HOSTED = "/retrieval/"


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and passages; all of them are ranked, whatever ``top_n``, which this wire does not know.

    The hosted service (a base URL with ``/retrieval/`` in it) has a path for each model, a microservice of one's own
    has one for its only model.
    """
    name = wire_model(target.config.wire_name, target.config.quirks)
    body = {
        **request.params,
        "model": name,
        "query": {"text": request.query},
        "passages": [{"text": document} for document in request.documents],
    }
    hosted = _HOSTED in target.config.base_url
    return post_json(target, f"{_slug(name)}/reranking" if hosted else "ranking", body)


def parse(response: WireResponse, request: RerankRequest, target: Target) -> RerankResult:  # noqa: ARG001
    """The ranking; every score is a logit and becomes its probability.

    Raises:
        MalformedAnswer: When a ranking is missing or points at no passage of the request.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    if not isinstance(body, dict):
        raise MalformedAnswer(f"the provider's answer is no object: {response.content[:200]!r}")
    return RerankResult(
        ranked=ranked(body.get("rankings"), request, sigmoid, ("logit",)),
        usage=input_usage(body.get("usage")),
        model=body.get("model") or "",
    )


def _slug(name: str) -> str:
    """A model's name in a path: without its owner, points as underscores."""
    return name.rpartition("/")[2].replace(".", "_")
