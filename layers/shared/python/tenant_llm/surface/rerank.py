"""Rerank, in Jina's shape: https://jina.ai/reranker/ (API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import RerankRequest, RerankResult, best_first
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invocation import InvocationBody, Loose, Name, body_of, more_usage, params, shape


class _Document(Loose):
    text: str


class RerankBody(InvocationBody):
    """A document is a text, or an object with one."""

    query: Name
    documents: Annotated[
        list[
            Annotated[
                Annotated[str, Tag("<text>")] | Annotated[_Document, Tag("<object>")],
                Discriminator(shape, "document", "a document has to be a text or an object with a text"),
            ]
        ],
        Field(min_length=1),
    ]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool | None = None


@dataclass(frozen=True, slots=True)
class RerankCall:
    """A rerank asked for, and whether the answer repeats the documents."""

    model: str | None
    request: RerankRequest
    return_documents: bool = False


def ask(call: Call) -> RerankCall:
    """The rerank that a call asks for.

    Raises:
        InvalidRequest: When a direct event is for another model type.
        ValidationError: When the body cannot be right.
    """
    body = body_of(call, ModelType.RERANK)
    checked = RerankBody.model_validate(body)
    request = RerankRequest(
        query=checked.query,
        documents=[document if isinstance(document, str) else document.text for document in checked.documents],
        top_n=checked.top_n,
        params=params(body, *RerankBody.model_fields),
    )
    return RerankCall(checked.model, request, return_documents=bool(checked.return_documents))


def render(result: RerankResult, asked: RerankCall) -> JsonObject:
    """The results, the best first; ``index`` is the document's place in the request, scores are in [0, 1]."""
    documents = asked.request.documents
    results: list[JsonObject] = []
    for item in best_first(result.ranked):
        one: JsonObject = {"index": item.index, "relevance_score": item.score}
        if asked.return_documents:
            one["document"] = {"text": documents[item.index]}
        results.append(one)
    usage = result.usage or Usage(estimated=True)
    return {
        "model": result.model,
        "results": results,
        "usage": {"total_tokens": usage.total_tokens, **more_usage(usage)},
    }
