"""What a schema found wrong, in one sentence about one field."""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json

_LONGEST = 80
# Where pydantic's own words would name a class of ours.
_WORDS = {"model_type": "input should be an object", "dict_type": "input should be an object"}
# Pydantic puts the branch of a union into the path: the name of a type, or the tag a schema chose, here "<...>".
_BRANCH = re.compile(r"(?:str|int|float|bool|<.*>|\w+\[.*\])").fullmatch


def invalid_request(error: ValidationError) -> InvalidRequest:
    """The first thing that is wrong: where it stands, its value shortened, what it should be.

    A schema that sets ``hide_input_in_errors`` gets no value into the message.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    path = _path(first["loc"])
    problem = _WORDS.get(first["type"]) or first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "missing":
        message = f"{path} is required"
    elif "input_value=" in str(error):
        message = f"{path} is {shortened(first['input'])}: {problem}"
    else:
        message = f"{path}: {problem}"
    return InvalidRequest(message, param=path)


def shortened(value: Json) -> str:
    """A value as a message may quote it."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _path(steps: Sequence[int | str]) -> str:
    """``("messages", 0, "content", "<parts>", 1, "text")`` → ``messages[0].content[1].text``."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not _BRANCH(step):
            path += f".{step}" if path else step
    return path or "body"
