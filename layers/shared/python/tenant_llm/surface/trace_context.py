"""Which trace a call belongs to, as its caller says: in headers, in a direct event's ``trace``, or not at all."""

import re
from collections.abc import Mapping

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.trace import TraceContext
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.invalid import shortened

_FIELDS = ("trace_id", "parent_id", "session_id", "user_id")
_HEADERS = {"session_id": "x-session-id", "user_id": "x-user-id"}
_TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN = re.compile(r"(?!0{16})[0-9a-f]{16}")
# https://www.w3.org/TR/trace-context/#traceparent-header; what a later version adds at the end is passed over.
_TRACEPARENT = re.compile(rf"(?!ff)[0-9a-f]{{2}}-({_TRACE.pattern})-({_SPAN.pattern})-[0-9a-f]{{2}}(?:-.*)?")
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader; without version and
# dashes it is the id that OpenTelemetry has for it.
_XRAY = re.compile(r"\bRoot=1-([0-9a-f]{8})-([0-9a-f]{24})\b")
_LONGEST = 200  # what Langfuse keeps of an id: https://langfuse.com/docs/observability/features/sessions


def trace_of_headers(headers: Mapping[str, str], body: JsonObject, otherwise: str) -> TraceContext:
    """The trace that a request names, else X-Ray's, else ``otherwise``.

    The header ``x-trace-id`` goes before ``traceparent``, which tracing clients add by themselves. The user is that of
    ``x-user-id``, else the body's ``user``, where OpenAI's clients say it.

    Raises:
        InvalidRequest: When a header is not what it has to be; ``param`` names it.
    """
    trace_id, parent_id = headers.get("x-trace-id", "").lower(), None
    if trace_id and not _TRACE.fullmatch(trace_id):
        raise _refused("x-trace-id", headers["x-trace-id"], "32 hexadecimal digits")
    if (told := headers.get("traceparent")) is not None:
        found = _TRACEPARENT.fullmatch(told.strip())
        if found is None:
            raise _refused("traceparent", told, "W3C's version-trace-parent-flags")
        if trace_id in ("", found[1]):
            trace_id, parent_id = found[1], found[2]
    ids = {name: _id(headers.get(header), header) for name, header in _HEADERS.items()}
    user = body.get("user")
    if ids["user_id"] is None and _is_id(user):
        ids["user_id"] = user
    return TraceContext(trace_id or _of_xray(headers) or otherwise, parent_id, **ids)


def named_trace_id(headers: Mapping[str, str], otherwise: str) -> str:
    """The same trace's id, where the request may be one that is refused."""
    try:
        return trace_of_headers(headers, {}, otherwise).trace_id
    except InvalidRequest:
        return _of_xray(headers) or otherwise


def trace_context(told: Json, otherwise: str) -> TraceContext:
    """The trace of an object with ``trace_id``, ``parent_id``, ``session_id`` and ``user_id``, each of which may miss.

    Raises:
        InvalidRequest: When it is no such object; ``param`` names the field.
    """
    if told is None:
        return TraceContext(otherwise)
    if not isinstance(told, Mapping):
        raise _refused("trace", told, "an object")
    for name in told:
        if name not in _FIELDS:
            raise InvalidRequest(f"trace has a field {shortened(name)}: not one of {', '.join(_FIELDS)}", param="trace")
    trace_id, parent_id = told.get("trace_id"), told.get("parent_id")
    if trace_id is not None and not (isinstance(trace_id, str) and _TRACE.fullmatch(trace_id.lower())):
        raise _refused("trace.trace_id", trace_id, "32 hexadecimal digits")
    if parent_id is not None and not (isinstance(parent_id, str) and _SPAN.fullmatch(parent_id.lower())):
        raise _refused("trace.parent_id", parent_id, "16 hexadecimal digits")
    if parent_id is not None and trace_id is None:
        raise InvalidRequest("trace.parent_id is a span of a trace: trace.trace_id is missing", param="trace.trace_id")
    return TraceContext(
        trace_id.lower() if trace_id else otherwise,
        parent_id.lower() if parent_id else None,
        _id(told.get("session_id"), "trace.session_id"),
        _id(told.get("user_id"), "trace.user_id"),
    )


def joined(outer: Json, own: Json) -> Json:
    """An object that names a trace, over another one; a span of another trace than its own is no parent."""
    if not (isinstance(outer, Mapping) and isinstance(own, Mapping)):
        return outer if own is None else own
    inherited = {name: value for name, value in outer.items() if name != "parent_id" or "trace_id" not in own}
    return {**inherited, **own}


def _of_xray(headers: Mapping[str, str]) -> str | None:
    found = _XRAY.search(headers.get("x-amzn-trace-id", ""))
    return found[1] + found[2] if found else None


def _id(value: Json, param: str) -> str | None:
    if value is not None and not _is_id(value):
        raise _refused(param, value, f"a printable text of 1 to {_LONGEST} characters")
    return value  # type: ignore[no-any-return]


def _is_id(value: Json) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _refused(param: str, value: Json, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"{param} is {shortened(value)}: not {wanted}", param=param)
