"""What every call of this wire has in common."""

from collections.abc import Mapping

from tenant_llm.dialects.answers import an_object
from tenant_llm.dialects.body import auth, endpoint, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

_ENDINGS = ("/compatible-mode/v1", "/compatible-api/v1", "/api/v1")


def post(target: Target, path: str, body: JsonObject, headers: Mapping[str, str] | None = None) -> WireRequest:
    """A request to a path of this wire; a base URL may end before it, or as those of the compatible modes do."""
    config, quirks = target.config, target.config.quirks
    base = config.base_url.rstrip("/")
    root = next((base.removesuffix(ending) for ending in _ENDINGS if base.endswith(ending)), base)
    return WireRequest(
        url=endpoint(root, path, quirks),
        headers={**(headers or {}), **quirks.headers},
        query=dict(quirks.query),
        json={"model": wire_model(config.wire_name, quirks), **body},
        auth=auth(quirks),
    )


def output_of(response: WireResponse) -> tuple[JsonObject, JsonObject]:
    """The ``output`` and the ``usage`` of an answer.

    Raises:
        MalformedAnswer: When there is no output.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    return output_and_usage(body)


def output_and_usage(body: Json) -> tuple[JsonObject, JsonObject]:
    """The two parts of a decoded answer.

    Raises:
        MalformedAnswer: When there is no output.
    """
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, dict):
        raise MalformedAnswer(f"the provider's answer has no output: {str(body)[:200]!r}")
    return output, an_object(body.get("usage"))
