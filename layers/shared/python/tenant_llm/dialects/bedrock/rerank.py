"""Rerank: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html."""

from dataclasses import replace

from tenant_llm.dialects.bedrock.place import model_id, post, region
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.ranking import in_unit, ranked
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.tokens import rerank_usage
from tenant_llm.domain.wire import JsonObject, WireRequest, WireResponse

PATH = "rerank"
_DOCUMENTS_A_UNIT = 100
"""What one billed query holds: https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-pricing.html."""


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and documents as inline sources; fields of the caller's own are the model's.

    How many results are wanted is always said, since the API does not tell its default.
    """
    model: JsonObject = {"modelArn": _arn(target)}
    if request.params:
        model["additionalModelRequestFields"] = dict(request.params)
    return post(
        target,
        PATH,
        {
            "queries": [{"type": "TEXT", "textQuery": {"text": request.query}}],
            "sources": [_source(document) for document in request.documents],
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {
                    "modelConfiguration": model,
                    "numberOfResults": min(request.top_n or len(request.documents), len(request.documents)),
                },
            },
        },
    )


def parse(response: WireResponse, request: RerankRequest, target: Target) -> RerankResult:  # noqa: ARG001
    """The scores, which are in [0, 1]. Tokens are estimated; what is billed is queries of up to 100 documents.

    Raises:
        MalformedAnswer: When the results are not understood or do not fit the request.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    if not isinstance(body, dict):
        raise MalformedAnswer(f"the provider's answer has no results: {response.content[:200]!r}")
    units = -(-len(request.documents) // _DOCUMENTS_A_UNIT)
    return RerankResult(
        ranked=ranked(body.get("results"), request, in_unit, ("relevanceScore",)),
        usage=replace(rerank_usage(request), native={"search_units": units}),
    )


def _arn(target: Target) -> str:
    """The model's ARN, which the tenant may have stored whole."""
    model = model_id(target)
    if model.startswith("arn:"):
        return model
    place = region(target)
    partition = "aws-us-gov" if place.startswith("us-gov-") else "aws"
    return f"arn:{partition}:bedrock:{place}::foundation-model/{model}"


def _source(document: str) -> JsonObject:
    inline = {"type": "TEXT", "textDocument": {"text": document}}
    return {"type": "INLINE", "inlineDocumentSource": inline}
