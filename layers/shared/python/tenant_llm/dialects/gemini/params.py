"""OpenAI's parameters by this wire's names: https://ai.google.dev/api/generate-content#generationconfig."""

from collections.abc import Mapping

from tenant_llm.dialects.fields import list_of, number_of, object_of, texts_of
from tenant_llm.dialects.gemini.schema import cleaned
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.wire import Json, JsonObject

_RENAMED = {
    "max_completion_tokens": "maxOutputTokens",
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
_TRANSLATED = frozenset({
    *_RENAMED, "generationConfig", "modalities", "reasoning_effort", "stop", "thinkingConfig", "toolConfig",
})  # fmt: skip
_DROPPED = frozenset({
    "audio", "logit_bias", "metadata", "parallel_tool_calls", "prediction", "prompt_cache_key",
    "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream_options", "user", "verbosity",
})  # fmt: skip
_JSON = "application/json"

# What the provider's own layer for OpenAI's clients makes of an effort, https://ai.google.dev/gemini-api/docs/openai.
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192}
_MOST = 24_576
_LEVELS = {"none": "minimal", "xhigh": "high", "max": "high"}


def parameters(request: ChatRequest, quirks: Quirks) -> JsonObject:
    """Settings, the form of the answer and how long to think; fields that neither side knows go as they are.

    The caller's own ``generationConfig`` goes before what is translated into it.

    Raises:
        InvalidRequest: When a field is not of its kind.
    """
    given = request.params
    body = {name: value for name, value in given.items() if name not in _TRANSLATED and name not in _DROPPED}
    for name, place in _RENAMED.items():
        if given.get(name) is not None and body.get(place) is None:
            body[place] = given[name]
    if stops := texts_of(given, "stop"):
        body.setdefault("stopSequences", stops)
    if modalities := list_of(given, "modalities"):
        body["responseModalities"] = [str(modality).upper() for modality in modalities]
    body |= _form(request.response_format)
    body["thinkingConfig"] = object_of(given, "thinkingConfig") or thinking(given, quirks)
    return body | object_of(given, "generationConfig")


def thinks_by_level(quirks: Quirks) -> bool:
    """Whether a model takes a level for the effort, and not a budget of tokens as older ones do.

    The profile of those says ``rename = { thinkingLevel = "thinkingBudget" }``.
    """
    return quirks.rename.get("thinkingLevel") != "thinkingBudget"


def thinking(given: Mapping[str, Json], quirks: Quirks) -> JsonObject | None:
    """The thinking that ``reasoning_effort`` asks for, its thoughts told; https://ai.google.dev/gemini-api/docs/thinking.

    A model that cannot do without thinking has its least in its profile: the ``clamp`` of its budget, or another word
    for the lowest level, ``rename = { minimal = "low" }``.

    Raises:
        InvalidRequest: When there is a limit of tokens that is no number.
    """
    effort = given.get("reasoning_effort")
    if effort is None:
        return None
    told = {"includeThoughts": True} if effort != "none" else {}
    if thinks_by_level(quirks):
        level = _LEVELS.get(str(effort), str(effort))
        return {**told, "thinkingLevel": quirks.rename.get(level, level)}
    lowest, highest = quirks.clamp.get("thinkingBudget", (0, _MOST))
    budget = min(max(_BUDGETS.get(str(effort), _MOST), int(lowest)), int(highest))
    limit = number_of(given, "max_completion_tokens", "max_tokens")
    if limit is not None and budget >= limit:  # Thoughts count; some room is left for an answer.
        budget = max(int(limit) // 2, int(lowest))
    return {**told, "thinkingBudget": budget}


def _form(wanted: JsonObject | None) -> JsonObject:
    match (wanted or {}).get("type"):
        case "json_object":
            return {"responseMimeType": _JSON}
        case "json_schema":
            schema = object_of(wanted or {}, "json_schema", "response_format").get("schema")
            return {"responseMimeType": _JSON, **({"responseJsonSchema": cleaned(schema)} if schema else {})}
    return {}
