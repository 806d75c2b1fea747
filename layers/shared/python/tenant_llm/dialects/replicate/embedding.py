"""Embedding: each model has a schema of its own, of which rows and profiles tell the names.

https://replicate.com/replicate/all-mpnet-base-v2/api, https://replicate.com/ibm-granite/granite-embedding-278m-multilingual/api
"""

from tenant_llm.dialects import vectors
from tenant_llm.dialects.answers import a_text
from tenant_llm.dialects.replicate.prediction import cancel, create, finished, follow_up, usage_of
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse

__all__ = ["cancel", "follow_up", "parse", "render"]

_OPENAI_ONLY = ("encoding_format", "user")


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """The texts, as ``texts``; a row names them otherwise where the model does.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    own = {name: value for name, value in request.params.items() if name not in _OPENAI_ONLY}
    return create({**own, "texts": vectors.texts(request), "dimensions": request.dimensions}, target)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors: bare, or each in an object.

    Raises:
        ProviderError: When the prediction failed.
        MalformedAnswer: When its output is not a vector an input.
    """
    prediction = finished(response)
    output = prediction.get("output")
    if isinstance(output, list):
        output = [item.get("embedding") if isinstance(item, dict) else item for item in output]
    return EmbeddingResult(vectors.checked(output, request), usage_of(prediction), a_text(prediction.get("model")))
