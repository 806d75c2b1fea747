"""What an answer, or a chunk of one, says: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import dumps

from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.dialects.calls import made_up_id
from tenant_llm.dialects.gemini.contents import signed_extra
from tenant_llm.domain.chat import ToolCall
from tenant_llm.domain.errors import ContentFiltered
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject

_FINISH = {
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
        ),
        "content_filter",
    ),
}  # fmt: skip
_PLACED = frozenset({"text", "thought", "thoughtSignature", "functionCall", "inlineData"})
_BESIDE = ("finishMessage", "citationMetadata", "groundingMetadata", "urlContextMetadata")


@dataclass(frozen=True, slots=True)
class Piece:
    """What a candidate says, whole or in part; ``finish_reason`` is ``None`` while it goes on."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    logprobs: Json = None
    extra: JsonObject = field(default_factory=dict)


def candidates(answer: Mapping[str, Json]) -> list[JsonObject]:
    """The candidates of an answer or a chunk.

    Raises:
        ContentFiltered: When there are none because the prompt was blocked; the message gives the provider's word.
    """
    found = objects(answer.get("candidates") or [])
    feedback = an_object(answer.get("promptFeedback"))
    if not found and feedback.get("blockReason"):
        said = a_text(feedback.get("blockReasonMessage"))
        message = f"the provider blocked the prompt: {feedback['blockReason']}"
        raise ContentFiltered(f"{message}: {said}" if said else message)
    return found


def piece(candidate: Mapping[str, Json], answer: Mapping[str, Json], index: int, begun: int = 0) -> Piece:
    """What a candidate says.

    Args:
        candidate: one of ``candidates``.
        answer: the answer or chunk it is from, whose id tells its calls from those of others.
        index: the place of its choice.
        begun: how many calls it has made in chunks before.
    """
    parts = objects(an_object(candidate.get("content")).get("parts") or [])
    called = [part for part in parts if isinstance(part.get("functionCall"), dict)]
    said = [part for part in parts if part not in called]
    calls = tuple(
        _call(part, made_up_id(str(answer.get("responseId")), index, begun + place))
        for place, part in enumerate(called)
    )
    return Piece(
        text="".join(a_text(part.get("text")) for part in said if not part.get("thought")),
        reasoning="".join(a_text(part.get("text")) for part in said if part.get("thought")),
        tool_calls=calls,
        finish_reason=_finish_reason(candidate.get("finishReason"), called=bool(calls) or begun > 0),
        logprobs=_logprobs(candidate.get("logprobsResult")),
        extra=_extra(said) | {name: candidate[name] for name in _BESIDE if candidate.get(name)},
    )


def usage_of(counted: Json) -> Usage | None:
    """Tokens: what its own tools read counts as input, thoughts as output, which the provider counts beside the text.

    Where its total shows that the text's count holds the thoughts already, they are not added again. Where it tells
    nothing of the prompt, as of some with an image, the usage is marked as an estimate, to be filled in.
    https://ai.google.dev/api/generate-content#UsageMetadata
    """
    counts = an_object(counted)
    asked, total = a_count(counts.get("promptTokenCount")), a_count(counts.get("totalTokenCount"))
    answered = a_count(counts.get("candidatesTokenCount"))
    if asked is None and total is None and answered is None:
        return None
    read = (asked or 0) + (a_count(counts.get("toolUsePromptTokenCount")) or 0)
    written = answered or 0
    thought = a_count(counts.get("thoughtsTokenCount")) or 0
    within = total is not None and written >= thought and read + written == total
    return Usage(
        input_tokens=read,
        output_tokens=written if within else written + thought,
        cached_tokens=a_count(counts.get("cachedContentTokenCount")) or 0,
        reasoning_tokens=thought,
        estimated=asked is None and total is None,
    )


def _finish_reason(said: Json, *, called: bool) -> str | None:
    if not said:
        return None
    return _FINISH.get(str(said), "tool_calls" if called else "stop")


def _call(part: Mapping[str, Json], spare_id: str) -> ToolCall:
    function = an_object(part.get("functionCall"))
    return ToolCall(
        id=a_text(function.get("id")) or spare_id,
        name=a_text(function.get("name")),
        arguments=dumps(function.get("args") or {}, ensure_ascii=False),
        extra=signed_extra(a_text(part.get("thoughtSignature"))),
    )


def _extra(said: list[JsonObject]) -> JsonObject:
    """Images as OpenAI's parts, the last signature of a text, and parts of other kinds as they are."""
    images = [_image(an_object(part["inlineData"])) for part in said if part.get("inlineData")]
    others = [part for part in said if part.keys() - _PLACED]
    signatures = [a_text(part.get("thoughtSignature")) for part in said if part.get("thoughtSignature")]
    lists = {name: found for name, found in (("images", images), ("content_parts", others)) if found}
    return lists | signed_extra(signatures[-1] if signatures else "")


def _image(blob: Mapping[str, Json]) -> JsonObject:
    url = f"data:{a_text(blob.get('mimeType'))};base64,{a_text(blob.get('data'))}"
    return {"type": "image_url", "image_url": {"url": url}}


def _logprobs(result: Json) -> Json:
    """https://ai.google.dev/api/generate-content#LogprobsResult, as OpenAI writes it."""
    said = an_object(result)
    chosen = objects(said.get("chosenCandidates") or [])
    tops = [objects(step.get("candidates") or []) for step in objects(said.get("topCandidates") or [])]
    steps = [
        {**_logprob(token), "top_logprobs": [_logprob(top) for top in tops[place]] if place < len(tops) else []}
        for place, token in enumerate(chosen)
    ]
    return {"content": steps} if steps else None


def _logprob(token: Mapping[str, Json]) -> JsonObject:
    return {"token": token.get("token"), "logprob": token.get("logProbability")}
