"""Embeddings of texts and of what can be seen: https://www.volcengine.com/docs/82379/1409290.

The multimodal API makes one vector of all its inputs, so that a call carries one text; the row's ``max_batch`` is 1.
"""

import re

from tenant_llm.dialects.answers import objects
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.openai import embedding as openai
from tenant_llm.dialects.openai.usage import input_usage
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.dialects.volcengine.place import placed
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse

PATH = "embeddings/multimodal"
_TEXT_ONLY = re.compile(r"-text(-|$)")


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """One text for the multimodal API; models of texts alone are asked in OpenAI's words.

    Raises:
        InvalidRequest: When an input is a list of token ids, or there are several.
    """
    if _TEXT_ONLY.search(target.config.wire_name):
        return placed(openai.render(request, target), target)
    found = texts(request)
    if len(found) != 1:
        raise InvalidRequest(f"input has {len(found)} texts: this provider makes one vector of them all", param="input")
    body = {
        "encoding_format": "float",
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": [{"type": "text", "text": found[0]}],
        "dimensions": request.dimensions,
    }
    return placed(post_json(target, PATH, body), target)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:
    """The vectors: one object of the multimodal API, which older versions put in a list, or OpenAI's list.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    if _TEXT_ONLY.search(target.config.wire_name):
        return openai.parse(response, request, target)
    body = response.json()
    refuse_error_object(body, response.headers)
    body = body if isinstance(body, dict) else {}
    vectors = [item.get("embedding") for item in objects(body.get("data"))]
    return EmbeddingResult(checked(vectors, request), input_usage(body.get("usage")))
