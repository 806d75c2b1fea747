"""Which key goes along, and what the model is called."""

from dataclasses import replace

from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Bearer, WireRequest

_KEYS = ("ark_api_key", "api_key")
_ENDPOINTS = ("endpoint_id", "ep_id")


def placed(wire: WireRequest, target: Target) -> WireRequest:
    """A request with the tenant's key and endpoint; without an endpoint the model's own name stays."""
    endpoint = target.credential.fields.get(_field(target, _ENDPOINTS), "").strip()
    body = {**(wire.json or {}), "model": endpoint} if endpoint else wire.json
    auth = Bearer(_field(target, _KEYS)) if isinstance(wire.auth, Bearer) else wire.auth
    return replace(wire, auth=auth, json=body)


def _field(target: Target, names: tuple[str, ...]) -> str:
    """The first of the credential's fields that is filled in, else the first name."""
    return next((name for name in names if target.credential.fields.get(name, "").strip()), names[0])
