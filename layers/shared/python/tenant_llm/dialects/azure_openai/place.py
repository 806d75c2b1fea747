"""Where a deployment answers: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle."""

from dataclasses import replace
from urllib.parse import quote

from tenant_llm.dialects.body import auth, endpoint
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import HeaderKey, WireRequest

_DEPLOYMENTS, _V1, _MODELS = "/openai/deployments", "/openai/v1", "/models"
_VERSION = "api-version"
_OF_MODELS = "2024-05-01-preview"  # https://learn.microsoft.com/rest/api/aifoundry/modelinference/


def at_deployment(wire: WireRequest, target: Target, path: str) -> WireRequest:
    """An OpenAI request sent to the target's deployment.

    The base URL may be the resource's root, end in ``/openai`` or in the deployment's whole path, as portals show them.
    The API version is the one stored with the key, else the row's. One that ends in ``/openai/v1`` takes the deployment
    as the body's model and needs no version. One that ends in ``/models``, where other makers' models answer too, takes
    it so with a version of its own, https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints.
    """
    config, quirks = target.config, target.config.quirks
    base = config.base_url.partition("?")[0].rstrip("/")
    query = {name: value for name, value in quirks.query.items() if name != _VERSION}
    if base.endswith(_V1):
        url = endpoint(base, path, quirks)
    elif base.endswith(_MODELS):
        url = endpoint(base, path, quirks)
        query[_VERSION] = target.credential.fields.get("api_version") or _OF_MODELS
    else:
        root = base.partition(_DEPLOYMENTS)[0].removesuffix("/openai")
        url = endpoint(root, f"openai/deployments/{quote(config.wire_name, safe='')}/{path}", quirks)
        if version := target.credential.fields.get("api_version") or quirks.query.get(_VERSION):
            query[_VERSION] = version
    return replace(wire, url=url, query=query, auth=auth(quirks, HeaderKey("api-key")))
