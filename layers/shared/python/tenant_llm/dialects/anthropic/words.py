"""What blocks and stop reasons mean, for whole and for streamed answers.

https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
"""

from collections.abc import Mapping, Sequence

from tenant_llm.dialects.answers import a_text, objects
from tenant_llm.domain.wire import Json, JsonObject

THOUGHTS = ("thinking", "redacted_thinking")
"""Blocks to be sent back unchanged with the results of the tools that were called after them."""

_PLACED = {"text", "tool_use", *THOUGHTS}
_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(said: Json) -> str | None:
    """OpenAI's word for why an answer ended; ``None`` while it has not."""
    return _FINISH.get(str(said), "stop") if said else None


def unplaced(blocks: Sequence[Mapping[str, Json]]) -> JsonObject:
    """What blocks hold that has no place of its own: other kinds of blocks, and the citations of texts."""
    citations = [citation for block in blocks for citation in objects(block.get("citations"))]
    others = [block for block in blocks if block.get("type") and a_text(block["type"]) not in _PLACED]
    return {name: found for name, found in (("content_blocks", others), ("citations", citations)) if found}
