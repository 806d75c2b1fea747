"""Embedding: batches as the provider takes them, vectors in the order of the inputs."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.services.batches import batches, in_parallel, total_usage
from tenant_llm.services.invocation import Invocation, OngoingCall


class EmbeddingService:
    """Embeds texts."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(self, caller: Caller, model: str | None, request: EmbeddingRequest) -> EmbeddingResult:
        """One vector an input, settled once for all batches; all of them succeed or nothing is booked.

        Where one fails, the others may have been billed by the provider; but nothing is delivered, so nothing counts.

        Raises:
            InvalidRequest: When there is no input, or an empty one.
        """
        if not request.inputs:
            raise InvalidRequest("input is empty: a text, or a list of texts, is needed", param="input")
        for index, item in enumerate(request.inputs):
            if not item:
                raise InvalidRequest(f"input[{index}] is {item!r}: it must not be empty", param=f"input[{index}]")
        return self._invocation.answered(
            caller, ModelType.EMBEDDING, model, request, lambda call: _embedded(call, request)
        )


def _embedded(call: OngoingCall, request: EmbeddingRequest) -> EmbeddingResult:
    dialect, quirks = call.dialect(load.embedding), call.config.quirks
    if request.purpose == "query" and quirks.query_prefix:
        said = [f"{quirks.query_prefix}{item}" if isinstance(item, str) else item for item in request.inputs]
        request = replace(request, inputs=said)
    weights = [tokens.most_tokens(item) for item in request.inputs]
    parts = batches(request.inputs, quirks.max_batch, weights, quirks.max_batch_tokens)
    requests = [replace(request, inputs=part) for part in parts]
    results = in_parallel(lambda part: call.exchange(dialect, part), requests)
    usage = total_usage(result.usage for result in results) or tokens.embedding_usage(request.inputs)
    embedded = EmbeddingResult([vector for one in results for vector in one.vectors], usage, call.config.address)
    call.settle(usage, delivered=lambda: embedded)
    return embedded
