"""Rerank: batches as the provider takes them, best document first."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import RerankRequest, RerankResult, best_first
from tenant_llm.services.batches import batches, in_parallel, total_usage
from tenant_llm.services.invocation import Invocation, OngoingCall


class RerankService:
    """Judges documents against a query."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(self, caller: Caller, model: str | None, request: RerankRequest) -> RerankResult:
        """The ``top_n`` best documents, best first; settled once for all batches: all succeed or nothing is booked.

        A score judges one document alone, so that splitting the documents changes none of them. Equal scores are in the
        order of the provider's own, which say more where a score is at an end of its range, and else in the documents'
        order; that holds across batches too.

        Raises:
            InvalidRequest: When the query or a document is empty, or there is no document. Providers differ: some
                refuse an empty document, some score it, some leave it out of the answer.
        """
        _check(request)
        return self._invocation.answered(caller, ModelType.RERANK, model, request, lambda call: _ranked(call, request))


def _ranked(call: OngoingCall, request: RerankRequest) -> RerankResult:
    dialect = call.dialect(load.rerank)
    quirks, query = call.config.quirks, tokens.most_tokens(request.query)
    weights = [query + tokens.most_tokens(document) for document in request.documents]
    parts = batches(request.documents, quirks.max_batch, weights, quirks.max_batch_tokens)
    top_n = request.top_n if len(parts) == 1 else None
    results = in_parallel(
        lambda part: call.exchange(dialect, part),
        [replace(request, documents=part, top_n=top_n) for part in parts],
    )
    usage = total_usage(result.usage for result in results) or tokens.rerank_usage(request)
    offsets = [sum(len(part) for part in parts[:number]) for number in range(len(parts))]
    ranked = best_first(
        replace(item, index=offset + item.index)
        for offset, result in zip(offsets, results, strict=True)
        for item in result.ranked
    )
    best = RerankResult(tuple(ranked[: request.top_n]), usage, call.config.address)
    call.settle(usage, delivered=lambda: best)
    return best


def _check(request: RerankRequest) -> None:
    if not request.query:
        raise InvalidRequest("query is empty", param="query")
    if not request.documents:
        raise InvalidRequest("documents is empty: a list of texts is needed", param="documents")
    for index, document in enumerate(request.documents):
        if not document:
            raise InvalidRequest(
                f"documents[{index}] is {document!r}: it must not be empty", param=f"documents[{index}]"
            )
