"""What embedding wires beside OpenAI's share: texts alone go in, as many vectors come out."""

from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.wire import Json


def texts(request: EmbeddingRequest) -> list[str]:
    """The inputs, for providers that take no token ids.

    Raises:
        InvalidRequest: When an input is a list of token ids; ``param`` names it.
    """
    result: list[str] = []
    for index, item in enumerate(request.inputs):
        if not isinstance(item, str):
            where = f"input[{index}]"
            raise InvalidRequest(f"{where} is a list of token ids: this provider takes texts", param=where)
        result.append(item)
    return result


def checked(vectors: Json, request: EmbeddingRequest) -> list[list[float]]:
    """Vectors in the order of the inputs.

    Raises:
        MalformedAnswer: When they are no lists of numbers, or not one an input.
    """
    if not isinstance(vectors, list) or not all(isinstance(vector, list) for vector in vectors):
        raise MalformedAnswer(f"the provider's answer has no vectors: {str(vectors)[:200]!r}")
    if len(vectors) != len(request.inputs):
        raise MalformedAnswer(f"the provider answered with {len(vectors)} vectors for {len(request.inputs)} inputs")
    return vectors
