"""Events of a streamed answer, decoded."""

from collections.abc import Iterable, Iterator
from json import JSONDecodeError, loads

from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.wire import JsonObject, ServerEvent

_DONE = "[DONE]"


def decoded(events: Iterable[ServerEvent]) -> Iterator[JsonObject]:
    """The JSON objects of a stream, to its end or to the mark that some put there; blank events are passed over.

    Raises:
        ProviderError: When one of them is an error object.
        MalformedAnswer: When an event is not a JSON object.
    """
    for event in events:
        text = event.data.strip()
        if text == _DONE:
            return
        if text:
            yield _object(text)


def _object(text: str) -> JsonObject:
    try:
        data = loads(text)
    except JSONDecodeError as error:
        raise MalformedAnswer(f"an event of the provider's stream is not JSON: {text[:200]!r}") from error
    if not isinstance(data, dict):
        raise MalformedAnswer(f"an event of the provider's stream is no object: {text[:200]!r}")
    refuse_error_object(data, {})
    return data
