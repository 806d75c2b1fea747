"""What a model is called."""

from dataclasses import replace

from tenant_llm.dialects.body import wire_model
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest


def named(wire: WireRequest, target: Target) -> WireRequest:
    """A request with the model's name in lower case, as the provider lists them; catalogues write some in capitals."""
    model = wire_model(target.config.wire_name, target.config.quirks).lower()
    return replace(wire, json={**(wire.json or {}), "model": model})
