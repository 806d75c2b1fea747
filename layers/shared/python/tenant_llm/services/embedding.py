"""Embedding: batches as the provider takes them, vectors in the order of the inputs."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.services.batches import batches, in_parallel, total_usage
from tenant_llm.services.invocation import Invocation


class EmbeddingService:
    """Embeds texts."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(self, caller: Caller, model: str | None, request: EmbeddingRequest) -> EmbeddingResult:
        """One vector an input, settled once for all batches; all of them succeed or nothing is booked.

        Raises:
            InvalidRequest: When an input is empty.
        """
        for index, item in enumerate(request.inputs):
            if not item:
                raise InvalidRequest(f"input[{index}] is {item!r}: it must not be empty", param=f"input[{index}]")
        call = self._invocation.begin(caller, ModelType.EMBEDDING, model)
        dialect = call.dialect(load.embedding)
        requests = [replace(request, inputs=part) for part in batches(request.inputs, call.config.quirks.max_batch)]
        results = in_parallel(lambda part: call.exchange(dialect, part), requests)
        usage = total_usage(result.usage for result in results) or tokens.embedding_usage(request.inputs)
        call.settle(usage)
        vectors = [vector for result in results for vector in result.vectors]
        return EmbeddingResult(vectors, usage, call.config.address)
