"""Tool calls for wires that know them by name, or want their arguments decoded."""

from collections.abc import Mapping, Sequence
from hashlib import blake2s
from json import JSONDecodeError, loads

from tenant_llm.dialects.fields import object_of, objects_of
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject


def made_up_id(answer: str, choice: int, index: int) -> str:
    """An id for a call that came without one: the same each time, and another in each answer that has an id."""
    place = f"{answer}/{choice}/{index}".encode(errors="surrogatepass")
    return f"call_{blake2s(place, digest_size=12).hexdigest()}"


def arguments_of(function: Mapping[str, Json], where: str) -> JsonObject:
    """The arguments of an earlier call, decoded; none are an empty object.

    Args:
        function: the call's ``function``.
        where: its path in the caller's body, for example ``messages[2].tool_calls[0].function``.

    Raises:
        InvalidRequest: When they are not the JSON text of an object; ``param`` is the path down to them.
    """
    given, where = function.get("arguments") or "{}", f"{where}.arguments"
    try:
        decoded = loads(given) if isinstance(given, str) else given
    except JSONDecodeError as error:
        raise InvalidRequest(f"{where} is not JSON: {given[:80]!r}", param=where) from error
    if not isinstance(decoded, dict):
        raise InvalidRequest(f"{where} has to be a JSON object, not {str(decoded)[:80]!r}", param=where)
    return decoded


def names_of(messages: Sequence[JsonObject]) -> dict[str, str]:
    """The functions that were called, by the ids of their calls.

    Raises:
        InvalidRequest: When a message's calls are no list of objects.
    """
    return {
        str(call.get("id")): str(object_of(call, "function", f"messages[{index}].tool_calls").get("name"))
        for index, message in enumerate(messages)
        for call in objects_of(message, "tool_calls", f"messages[{index}]")
    }
