"""Predictions: https://replicate.com/docs/topics/predictions/create-a-prediction.

``follow_up`` and ``cancel`` are those of ``contract.JobDialect``, the same for every model type.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

from tenant_llm.dialects.answers import a_count, a_text, an_object
from tenant_llm.dialects.body import apply_quirks, post_json, wire_model
from tenant_llm.dialects.errors import provider_error
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject, WireRequest, WireResponse

PATH = "predictions"
_RUNNING = ("starting", "processing")
_WAIT = {"prefer": "wait=60"}  # the most that a create call waits for the end


def create(given: Mapping[str, Json], target: Target, *, stream: bool = False) -> WireRequest:
    """A prediction with that input, which quirks are about.

    Models of Replicate's own (``owner/name``) have an endpoint each, all others are named by their version
    (``owner/name:version``, or the version alone).

    Raises:
        InvalidRequest: When the model's name is neither.
    """
    config = target.config
    body: JsonObject = {"input": apply_quirks(given, config.quirks)}
    name, _, version = wire_model(config.wire_name, config.quirks).rpartition(":")
    owner, slash, model = version.partition("/")
    path = PATH
    if name or not slash:
        body["version"] = version
    elif owner and model and "/" not in model:
        path = f"models/{quote(owner, safe='')}/{quote(model, safe='')}/{PATH}"
    else:
        raise InvalidRequest(f"model {version!r} is neither owner/name nor owner/name:version", param="model")
    if stream:
        body["stream"] = True
    wire = post_json(target, path, body)
    return replace(wire, json=body, headers=wire.headers if stream else {**wire.headers, **_WAIT})


def follow_up(answer: WireResponse, request: object, target: Target) -> WireRequest | None:
    """Ask again for a prediction that runs, or take its stream where one is wanted and there."""
    prediction = an_object(answer.json())
    if prediction.get("status") not in _RUNNING:
        return None
    stream = a_text(an_object(prediction.get("urls")).get("stream"))
    if getattr(request, "stream", False) and stream:
        headers = {**target.config.quirks.headers, "accept": "text/event-stream"}
        return WireRequest(stream, "GET", headers, framing="sse")
    return _at(prediction, target, "GET")


def cancel(answer: WireResponse, target: Target) -> WireRequest | None:
    """Stop a prediction: it is billed for the time it runs."""
    prediction = an_object(answer.json())
    return _at(prediction, target, "POST", "/cancel") if prediction.get("status") in _RUNNING else None


def finished(answer: WireResponse) -> JsonObject:
    """A prediction that has an output.

    Raises:
        ProviderError: When it failed or was cancelled.
        MalformedAnswer: When the answer is no prediction.
    """
    prediction = answer.json()
    if not isinstance(prediction, dict) or not isinstance(prediction.get("status"), str):
        raise MalformedAnswer(f"the provider's answer is no prediction: {answer.content[:200]!r}")
    if prediction["status"] != "succeeded":
        why = a_text(prediction.get("error")) or "it gives no reason"
        raise provider_error(None, {"error": {"message": f"the prediction {prediction['status']}: {why}"}}, {})
    return prediction


def usage_of(prediction: JsonObject) -> Usage | None:
    """The tokens, which language models of Replicate's own report; ``None`` where none are."""
    metrics = an_object(prediction.get("metrics"))
    asked, answered = a_count(metrics.get("input_token_count")), a_count(metrics.get("output_token_count"))
    if asked is None and answered is None:
        return None
    return Usage(asked or 0, answered or 0)


def _at(prediction: JsonObject, target: Target, method: Literal["GET", "POST"], more: str = "") -> WireRequest:
    """A call about a prediction, at the base URL and not at the one that the answer names."""
    name = a_text(prediction.get("id"))
    if not name:
        raise MalformedAnswer(f"the provider's prediction has no id: {str(prediction)[:200]!r}")
    wire = post_json(target, f"{PATH}/{quote(name, safe='')}{more}", {})
    return replace(wire, method=method, json=None)
