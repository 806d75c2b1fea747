"""Where a call goes: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from tenant_llm.dialects.body import apply_quirks, auth, endpoint, wire_model
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Framing, GoogleOAuth, Json, WireRequest

PROJECT, REGION, KEY = "google_project_id", "google_region", "google_service_account_key"
"""The fields of the credential."""

_HOST = "https://aiplatform.googleapis.com"
_HOSTS = {
    "global": _HOST,
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
}
# A continent or country, a direction, a number: https://cloud.google.com/about/locations
_REGION = re.compile(r"[a-z]{2,12}-(central|(north|south)(east|west)?|east|west)[0-9]{1,2}")
_VERSIONS = ("/v1", "/v1beta1")
_OWN, _GUEST = "google", "anthropic"


def post(
    target: Target, operation: str, body: Mapping[str, Json], *, version: str, framing: Framing | None = None
) -> WireRequest:
    """A JSON request to a model's operation, with all of the target's quirks.

    The host is the region's, unless the tenant has a base URL of its own, which may end in the API's version.

    Raises:
        CredentialMissing: When the credential has no project or region.
        InvalidRequest: When the region is none.
    """
    config, quirks = target.config, target.config.quirks
    region = _region(target)
    base = config.base_url.rstrip("/") if config.own_url else _HOSTS.get(region) or _regional(region)
    project = quote(target.credential.get(PROJECT).strip(), safe="")
    publisher, model = (quote(name, safe="@") for name in model_of(target))
    place = f"projects/{project}/locations/{region}/publishers/{publisher}/models/{model}:{operation}"
    return WireRequest(
        url=endpoint(base, place if base.endswith(_VERSIONS) else f"{version}/{place}", quirks),
        headers=dict(quirks.headers),
        query=dict(quirks.query),
        json=apply_quirks(body, quirks),
        auth=auth(quirks, GoogleOAuth(KEY)),
        framing=framing,
    )


def model_of(target: Target) -> tuple[str, str]:
    """A model's publisher and its own name: ``publishers/x/models/y``, ``x/y``, or a bare name that tells its maker."""
    name = wire_model(target.config.wire_name, target.config.quirks)
    before, _, name = name.removeprefix("publishers/").removeprefix("models/").rpartition("/")
    publisher = before.removesuffix("/models")
    return publisher or (_GUEST if "claude" in name else _OWN), name


def _region(target: Target) -> str:
    region = target.credential.get(REGION).strip()
    if region not in _HOSTS and not _REGION.fullmatch(region):
        raise InvalidRequest(f"{REGION}: {region!r} is no region of Google Cloud", param=REGION)
    return region


def _regional(region: str) -> str:
    return _HOST.replace("://", f"://{region}-")
