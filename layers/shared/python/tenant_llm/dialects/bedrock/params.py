"""OpenAI's parameters in this wire's words.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html
"""

from json import dumps

from tenant_llm.dialects.answers import a_text
from tenant_llm.dialects.anthropic.params import max_tokens, thinking
from tenant_llm.dialects.bedrock.place import vendor
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.fields import number_of, object_of, refuse_features, refuse_logprobs, texts_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import JsonObject

_INFERENCE = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"}
_OWN = frozenset({
    "guardrailConfig", "performanceConfig", "promptVariables", "requestMetadata", "serviceTier",
    "additionalModelResponseFieldPaths",
})  # fmt: skip
_MERGED = frozenset({"inferenceConfig", "additionalModelRequestFields", "outputConfig"})
_TRANSLATED = frozenset({"max_completion_tokens", "stop_sequences", "reasoning_effort", "n", *_INFERENCE, *_MERGED})
_DROPPED = frozenset({
    "audio", "frequency_penalty", "logit_bias", "logprobs", "metadata", "modalities", "parallel_tool_calls",
    "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "seed",
    "service_tier", "store", "stream_options", "top_logprobs", "user", "verbosity",
})  # fmt: skip
_EFFORT_WORDS = {"minimal": "low"}
_NOVA_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium"}


def parameters(request: ChatRequest, target: Target, *, forced: bool) -> JsonObject:
    """Limits, sampling, thinking and the answer's schema; quirks go by OpenAI's names.

    Fields that neither OpenAI nor this wire knows are the model's own, as ``top_k``, and go to it as they are.

    Raises:
        InvalidRequest: When more than one choice is asked for, or a field is not of its kind.
        UnsupportedModelType: When the answer is to be more than text, or to tell probabilities.
    """
    given = request.params
    refuse_features(given)
    refuse_logprobs(given)
    rest = {name: value for name, value in given.items() if name not in _TRANSLATED | _DROPPED}
    wanted = apply_quirks({**rest, **_sampling(request)}, target.config.quirks)
    inference = {place: wanted.pop(name) for name, place in _INFERENCE.items() if name in wanted}
    own = {name: wanted.pop(name) for name in _OWN if name in wanted}
    fields = {**wanted, **_effort(request, target, forced=forced), **object_of(given, "additionalModelRequestFields")}
    output = _schema(request)
    thought = a_text(object_of(fields, "thinking").get("type"))
    if thought in {"enabled", "adaptive"}:  # takes no other sampling, and counts thoughts as a part of the answer
        inference = {"maxTokens": max_tokens(given, target.config.quirks), **inference, "temperature": None}
        fields.pop("top_k", None)
    if thought == "adaptive" and "reasoning_effort" in given:
        output["effort"] = _EFFORT_WORDS.get(str(given["reasoning_effort"]), str(given["reasoning_effort"]))
    inference |= object_of(given, "inferenceConfig")
    return own | {
        "inferenceConfig": {name: value for name, value in inference.items() if value is not None},
        "additionalModelRequestFields": fields or None,
        "outputConfig": output | object_of(given, "outputConfig") or None,
    }


def _sampling(request: ChatRequest) -> JsonObject:
    given = request.params
    return {
        "max_tokens": number_of(given, "max_completion_tokens", "max_tokens"),
        "temperature": number_of(given, "temperature"),
        "top_p": number_of(given, "top_p"),
        "stop": [stop for stop in texts_of(given, "stop_sequences", "stop") or [] if stop] or None,
    }


def _schema(request: ChatRequest) -> JsonObject:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html: the schema goes as JSON text."""
    wanted = request.response_format or {}
    if wanted.get("type") != "json_schema":
        return {}
    told = object_of(wanted, "json_schema", "response_format")
    schema = {"schema": dumps(told.get("schema") or {}, ensure_ascii=False)}
    schema |= {name: told[name] for name in ("name", "description") if told.get(name)}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _effort(request: ChatRequest, target: Target, *, forced: bool) -> JsonObject:
    """What ``reasoning_effort`` is to the maker of the model; to others nothing."""
    effort = request.params.get("reasoning_effort")
    if effort is None:
        return {}
    maker, model = vendor(target.config.wire_name)
    match maker:
        case "anthropic":
            thought = thinking(request, target.config.quirks, forced=forced)
            return {"thinking": thought} if thought else {}
        case "amazon" if model.startswith("nova-2"):
            return {"reasoningConfig": _nova_reasoning(str(effort))}
        case "openai":
            return {"reasoning_effort": effort}
    return {}


def _nova_reasoning(effort: str) -> JsonObject:
    """https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html."""
    if effort == "none":
        return {"type": "disabled"}
    return {"type": "enabled", "maxReasoningEffort": _NOVA_EFFORTS.get(effort, "high")}
