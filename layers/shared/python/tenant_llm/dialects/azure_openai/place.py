"""Where a deployment answers: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle."""

import re
from dataclasses import replace
from urllib.parse import quote

from tenant_llm.dialects.body import auth, endpoint
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import HeaderKey, WireRequest

_DEPLOYMENTS, _V1, _MODELS = "/openai/deployments", "/openai/v1", "/models"
_VERSION, _FIELD = "api-version", "api_version"
_VERSIONS = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(-preview)?|preview|latest")
_OF_MODELS = "2024-05-01-preview"  # https://learn.microsoft.com/rest/api/aifoundry/modelinference/


def at_deployment(wire: WireRequest, target: Target, path: str) -> WireRequest:
    """An OpenAI request sent to the target's deployment.

    The base URL may be the resource's root, end in ``/openai`` or in the deployment's whole path, as portals show them.
    The API version is the one stored with the key, else the row's. One that ends in ``/openai/v1`` takes the deployment
    as the body's model and needs no version. One that ends in ``/models``, where other makers' models answer too, takes
    it so with a version of its own, https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints.

    Raises:
        InvalidRequest: When the stored version is none.
    """
    config, quirks = target.config, target.config.quirks
    base = config.base_url.partition("?")[0].rstrip("/")
    query = {name: value for name, value in quirks.query.items() if name != _VERSION}
    if base.endswith(_V1):
        url = endpoint(base, path, quirks)
    elif base.endswith(_MODELS):
        url = endpoint(base, path, quirks)
        query[_VERSION] = _version(target) or _OF_MODELS
    else:
        root = base.partition(_DEPLOYMENTS)[0].removesuffix("/openai")
        url = endpoint(root, f"openai/deployments/{quote(config.wire_name, safe='')}/{path}", quirks)
        if version := _version(target) or quirks.query.get(_VERSION):
            query[_VERSION] = version
    return replace(wire, url=url, query=query, auth=auth(quirks, HeaderKey("api-key")))


def _version(target: Target) -> str:
    version = target.credential.fields.get(_FIELD, "").strip()
    if version and not _VERSIONS.fullmatch(version):
        raise InvalidRequest(f"{_FIELD}: {version!r} is not a date, with or without -preview", param=_FIELD)
    return version
