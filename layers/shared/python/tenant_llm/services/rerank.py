"""Rerank: batches as the provider takes them, best document first."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import Ranked, RerankRequest, RerankResult
from tenant_llm.services.batches import batches, in_parallel, total_usage
from tenant_llm.services.invocation import Invocation


class RerankService:
    """Judges documents against a query."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(self, caller: Caller, model: str | None, request: RerankRequest) -> RerankResult:
        """The ``top_n`` best documents, best first, equal scores in the documents' order; settled once.

        A score judges one document alone, so that splitting the documents changes none of them.
        """
        call = self._invocation.begin(caller, ModelType.RERANK, model)
        dialect = call.dialect(load.rerank)
        parts = batches(request.documents, call.config.quirks.max_batch)
        top_n = request.top_n if len(parts) == 1 else None
        results = in_parallel(
            lambda part: call.exchange(dialect, part),
            [replace(request, documents=part, top_n=top_n) for part in parts],
        )
        usage = total_usage(result.usage for result in results) or tokens.rerank_usage(request)
        call.settle(usage)
        offsets = [sum(len(part) for part in parts[:number]) for number in range(len(parts))]
        ranked = [
            Ranked(offset + item.index, item.score)
            for offset, result in zip(offsets, results, strict=True)
            for item in result.ranked
        ]
        ranked.sort(key=lambda item: (-item.score, item.index))
        return RerankResult(tuple(ranked[: request.top_n]), usage, call.config.address)
