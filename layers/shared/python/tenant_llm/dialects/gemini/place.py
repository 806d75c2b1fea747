"""Where a call goes, and where its settings stand."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from tenant_llm.dialects.body import wire_model
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import HeaderKey, WireRequest

KEY = HeaderKey("x-goog-api-key")
"""https://ai.google.dev/gemini-api/docs/api-key; in the query it would end up in logs."""

_VERSIONS = ("/v1", "/v1beta", "/v1alpha")
_PLACE = "generationConfig"
_SETTINGS = (
    "audioTimestamp", "candidateCount", "enableEnhancedCivicAnswers", "frequencyPenalty", "imageConfig", "logprobs",
    "maxOutputTokens", "mediaResolution", "presencePenalty", "responseJsonSchema", "responseLogprobs",
    "responseMimeType", "responseModalities", "responseSchema", "seed", "speechConfig", "stopSequences", "temperature",
    "thinkingConfig", "topK", "topP",
)  # fmt: skip


def path(target: Target, operation: str) -> str:
    """The path of a model's operation. The base URL may end in the API's version or before it."""
    place = f"{resource(target)}:{operation}"
    return place if target.config.base_url.rstrip("/").endswith(_VERSIONS) else f"v1beta/{place}"


def resource(target: Target) -> str:
    """The model as a resource: ``models/x``, or a tuned one by the collection that its name tells."""
    name = wire_model(target.config.wire_name, target.config.quirks)
    collection, _, name = name.rpartition("/")
    return f"{quote(collection or 'models', safe='')}/{quote(name, safe='')}"


def configured(wire: WireRequest) -> WireRequest:
    """A request that has its settings' place also where there are none, as clients of this wire send it."""
    return replace(wire, json={_PLACE: {}, **(wire.json or {})})


def with_settings(target: Target, given: Iterable[str] = ()) -> Target:
    """The target, its settings nested where they belong: all that are known, and those the caller named as such.

    https://ai.google.dev/api/generate-content#generationconfig
    """
    config = target.config
    nest = Quirks(nest=dict.fromkeys((*_SETTINGS, *given), _PLACE))
    return replace(target, config=replace(config, quirks=nest.merge(config.quirks)))
