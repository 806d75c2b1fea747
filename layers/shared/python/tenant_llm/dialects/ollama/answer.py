"""What an answer, or a line of one, says.

https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from collections.abc import Mapping
from json import dumps

from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.dialects.calls import made_up_id
from tenant_llm.domain.chat import ToolCall
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json


def usage_of(answer: Mapping[str, Json]) -> Usage | None:
    """Tokens read and written. The server leaves a count out that is zero, as of a prompt that is all in its cache."""
    asked, answered = a_count(answer.get("prompt_eval_count")), a_count(answer.get("eval_count"))
    return None if asked is None and answered is None else Usage(asked or 0, answered or 0)


def finish_reason(said: Json, *, called: bool) -> str:
    """OpenAI's word for why an answer ended; this wire has none of its own for a call."""
    if said == "length":
        return "length"
    return "tool_calls" if called else "stop"


def tool_calls(message: Json, answer: str, begun: int = 0) -> tuple[ToolCall, ...]:
    """The calls of a message, which come whole; ``begun`` is how many came before, ``answer`` what to tell it by."""
    found = objects(an_object(message).get("tool_calls") or [])
    return tuple(_call(call, made_up_id(answer, 0, begun + place)) for place, call in enumerate(found))


def _call(call: Mapping[str, Json], spare_id: str) -> ToolCall:
    function = an_object(call.get("function"))
    given = function.get("arguments")
    arguments = given if isinstance(given, str) else dumps(given or {}, ensure_ascii=False)
    return ToolCall(a_text(call.get("id")) or spare_id, a_text(function.get("name")), arguments or "{}")
