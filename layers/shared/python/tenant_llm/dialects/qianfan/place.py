"""What a model is called, and which key goes along."""

from dataclasses import replace

from tenant_llm.dialects.body import wire_model
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import BceToken, Bearer, WireRequest

_KEY, _KEY_ID, _SECRET = "api_key", "yiyan_ak", "yiyan_sk"


def named(wire: WireRequest, target: Target) -> WireRequest:
    """A request with the model's name in lower case, as the provider lists them; catalogues write some in capitals."""
    model = wire_model(target.config.wire_name, target.config.quirks).lower()
    return keyed(replace(wire, json={**(wire.json or {}), "model": model}), target)


def keyed(wire: WireRequest, target: Target) -> WireRequest:
    """A request with the tenant's API key, or with a token for its access key where that is all it has."""
    fields = target.credential.fields
    has_pair_only = fields.get(_KEY_ID, "").strip() and not fields.get(_KEY, "").strip()
    return replace(wire, auth=BceToken(_KEY_ID, _SECRET)) if has_pair_only and isinstance(wire.auth, Bearer) else wire
