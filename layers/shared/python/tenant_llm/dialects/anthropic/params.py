"""OpenAI's parameters in this wire's words: https://platform.claude.com/docs/en/api/messages/create.

What is dropped, and the cap on the temperature, are as in the provider's own layer for OpenAI's clients,
https://platform.claude.com/docs/en/api/openai-sdk.
"""

from collections.abc import Mapping, Sequence

from tenant_llm.dialects.anthropic.schema import closed
from tenant_llm.dialects.fields import number_of, object_of, refuse_features, refuse_logprobs, texts_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.wire import Json, JsonObject

DEFAULT_MAX_TOKENS = 8192
"""The field is required here; what all current models can write. A row's or profile's default goes before it."""

DEFAULT_MAX_TOKENS_THINKING = 32_000
"""The same where effort is asked for, since thoughts count too; what all models that think can write."""

_TRANSLATED = frozenset({
    "max_tokens", "max_completion_tokens", "temperature", "stop", "stop_sequences", "parallel_tool_calls", "user",
    "safety_identifier", "metadata", "reasoning_effort", "output_config", "service_tier", "n",
})  # fmt: skip
_DROPPED = frozenset({
    "audio", "frequency_penalty", "logit_bias", "logprobs", "modalities", "prediction", "presence_penalty",
    "prompt_cache_key", "prompt_cache_retention", "seed", "store", "stream_options", "top_logprobs", "verbosity",
})  # fmt: skip
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_EFFORTS = {"minimal": "low"}
_SHARES = {"low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
_LEAST_BUDGET = 1024


def parameters(request: ChatRequest, quirks: Quirks) -> JsonObject:
    """Limits, sampling and who asks; fields that neither OpenAI nor this module knows go as they are.

    Raises:
        InvalidRequest: When more than one choice is asked for, or a field is not of its kind.
        UnsupportedModelType: When the answer is to be more than text, or to tell probabilities.
    """
    given = request.params
    refuse_features(given)
    refuse_logprobs(given)
    body = {name: value for name, value in given.items() if name not in _TRANSLATED and name not in _DROPPED}
    body["max_tokens"] = max_tokens(given, quirks)
    if (temperature := number_of(given, "temperature")) is not None:
        body["temperature"] = min(max(temperature, 0), 1)
    body["stop_sequences"] = _stops(given)
    body["metadata"] = _metadata(given)
    body["service_tier"] = _TIERS.get(str(given.get("service_tier")))
    return body


def max_tokens(given: Mapping[str, Json], quirks: Quirks) -> int:
    """Tokens the answer may have, thinking included."""
    asked = number_of(given, "max_completion_tokens", "max_tokens") or quirks.defaults.get("max_tokens")
    thinks = _effort(given) not in {None, "none"}
    return int(asked or (DEFAULT_MAX_TOKENS_THINKING if thinks else DEFAULT_MAX_TOKENS))


def output_config(request: ChatRequest, quirks: Quirks) -> JsonObject | None:
    """The schema of the answer and how hard to try; the caller's own ``output_config`` is the base of it."""
    config = dict(object_of(request.params, "output_config"))
    effort = _effort(request.params)
    if effort == "none" and _off(quirks) == "adaptive":
        config.setdefault("effort", "low")
    elif effort not in {None, "none"} and not thinks_by_budget(quirks):
        config.setdefault("effort", effort)
    wanted = request.response_format or {}
    if wanted.get("type") == "json_schema":
        schema = object_of(wanted, "json_schema", "response_format").get("schema")
        config["format"] = {"type": "json_schema", "schema": closed(schema)}
    return config or None


def thinking(request: ChatRequest, quirks: Quirks, *, forced: bool) -> JsonObject | None:
    """The thinking that ``reasoning_effort`` asks for, where the caller said nothing in this wire's own words.

    It cannot go with a forced tool, nor, where it goes by a budget, be begun in the middle of a turn: effort then is
    left out. https://platform.claude.com/docs/en/build-with-claude/extended-thinking
    """
    effort = _effort(request.params)
    if effort is None or "thinking" in request.params:
        return None
    if effort == "none":
        return {"type": _off(quirks)}
    if forced:
        return None
    if not thinks_by_budget(quirks):
        # Newer models would keep their thoughts to themselves.
        return {"type": "adaptive", "display": "summarized"}
    limit = max_tokens(request.params, quirks)
    budget = max(_LEAST_BUDGET, int(limit * _SHARES.get(effort, _SHARES["medium"])))
    return {"type": "enabled", "budget_tokens": budget} if budget < limit and not _in_a_turn(request.messages) else None


def thinks_by_budget(quirks: Quirks) -> bool:
    """Whether a model takes a budget of tokens for the effort, as those before adaptive thinking do.

    Its profile says ``rename = { effort = "budget_tokens" }``.
    """
    return quirks.rename.get("effort") == "budget_tokens"


def _off(quirks: Quirks) -> str:
    """What comes nearest to no thinking; a model that cannot do without has another word for it in its profile.

    ``rename = { disabled = "adaptive" }`` then means as little as possible.
    """
    return quirks.rename.get("disabled", "disabled")


def _effort(given: Mapping[str, Json]) -> str | None:
    effort = given.get("reasoning_effort")
    return None if effort is None else _EFFORTS.get(str(effort), str(effort))


def _in_a_turn(messages: Sequence[JsonObject]) -> bool:
    """Whether the last calls, whose results are in, were made without thoughts that could be sent back."""
    last = next((message for message in reversed(messages) if message.get("role") == "assistant"), {})
    answered = bool(messages) and messages[-1].get("role") in {"tool", "function"}
    return answered and not last.get("thinking_blocks")


def _stops(given: Mapping[str, Json]) -> list[str] | None:
    """White space alone is no stop sequence here."""
    return [stop for stop in texts_of(given, "stop_sequences", "stop") or [] if stop.strip()] or None


def _metadata(given: Mapping[str, Json]) -> JsonObject | None:
    """This wire's metadata has one field, an opaque id of the user; OpenAI's takes any."""
    known = object_of(given, "metadata").get("user_id")
    user = known or given.get("safety_identifier") or given.get("user")
    return {"user_id": user} if user else None
