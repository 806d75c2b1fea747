"""Bytes of a streamed answer into events: server-sent events and newline-delimited JSON."""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from json import dumps, loads
from re import compile as pattern

from tenant_llm.domain.wire import ServerEvent

_LINE_END = pattern(r"\r\n|\r|\n")


def sse(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events of a ``text/event-stream``, however the bytes are cut into chunks.

    By https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, but for the last
    event: it counts even when the blank line after it is missing, which some providers leave out. Comments, ``id``,
    ``retry`` and events without data are passed over. A body that begins with a bracket is no event stream: some
    providers answer with plain JSON, status 200, when they refuse or do not stream after all. An object is one event,
    an array as many as it has items.
    """
    event = ""
    data: list[str] = []
    lines = _lines(chunks)
    for number, line in enumerate(lines):
        if number == 0 and line.startswith(("{", "[")):
            yield from map(ServerEvent, _items("\n".join((line, *lines))))
            return
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            event = value.removeprefix(" ")
        elif not line:
            if data:
                yield ServerEvent("\n".join(data), event)
            event, data = "", []
    if data:
        yield ServerEvent("\n".join(data), event)


def ndjson(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """One event a line that is not blank."""
    for line in _lines(chunks):
        if line.strip():
            yield ServerEvent(line)


def _items(text: str) -> list[str]:
    """The items of a JSON array as texts of their own; any other text is the only one."""
    try:
        found = loads(text)
    except (ValueError, RecursionError):
        return [text]
    return [dumps(item) for item in found] if isinstance(found, list) else [text]


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines without their ends (CR, LF or both) and without the byte order mark; the last one may lack its end.

    A CR at the end of a chunk ends its line at once, so that no event waits for the next chunk; the LF that may follow
    then is swallowed.
    """
    decoder = getincrementaldecoder("utf-8-sig")(errors="replace")
    rest: list[str] = []
    after_cr = False
    for chunk in chunks:
        text = decoder.decode(chunk)
        if after_cr and text:
            text = text.removeprefix("\n")
            after_cr = False
        *ended, last = _LINE_END.split(text)
        for line in ended:
            yield "".join((*rest, line))
            rest = []
        rest.append(last)
        after_cr = after_cr or (bool(ended) and not last and text.endswith("\r"))
    rest.append(decoder.decode(b"", final=True))
    if last_line := "".join(rest):
        yield last_line
