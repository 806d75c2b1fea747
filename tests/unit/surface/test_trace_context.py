from typing import Any

import pytest

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.trace import TraceContext
from tenant_llm.surface.trace_context import joined, named_trace_id, trace_context, trace_of_headers

_TRACE, _SPAN, _OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "f" * 32
_PARENT = f"00-{_TRACE}-{_SPAN}-01"


@pytest.mark.parametrize(
    ("headers", "body", "context"),
    [
        ({}, {}, TraceContext("otherwise")),
        ({"traceparent": _PARENT}, {}, TraceContext(_TRACE, _SPAN)),
        ({"traceparent": f"01-{_TRACE}-{_SPAN}-00-later"}, {}, TraceContext(_TRACE, _SPAN)),
        ({"x-trace-id": _TRACE.upper()}, {}, TraceContext(_TRACE)),
        ({"x-trace-id": _TRACE, "traceparent": _PARENT}, {}, TraceContext(_TRACE, _SPAN)),
        ({"x-trace-id": _OTHER, "traceparent": _PARENT}, {}, TraceContext(_OTHER)),
        (
            {"x-amzn-trace-id": "Root=1-6923a0c5-7ebff206867347214cdd2055;Sampled=1"},
            {},
            TraceContext("6923a0c57ebff206867347214cdd2055"),
        ),
        ({"x-amzn-trace-id": "Self=1-nonsense"}, {}, TraceContext("otherwise")),
        ({"x-session-id": "s 1", "x-user-id": "u"}, {"user": "other"}, TraceContext("otherwise", None, "s 1", "u")),
        ({}, {"user": "u"}, TraceContext("otherwise", user_id="u")),
        ({}, {"user": "u" * 201}, TraceContext("otherwise")),
        ({}, {"user": {"id": 1}}, TraceContext("otherwise")),
    ],
)
def test_headers_name_a_trace(headers: dict[str, str], body: dict[str, Any], context: TraceContext) -> None:
    assert trace_of_headers(headers, body, "otherwise") == context
    assert named_trace_id(headers, "otherwise") == context.trace_id


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-trace-id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
        ("x-trace-id", "0" * 32),
        ("traceparent", _TRACE),
        ("traceparent", f"ff-{_TRACE}-{_SPAN}-01"),
        ("traceparent", f"00-{'0' * 32}-{_SPAN}-01"),
        ("traceparent", f"00-{_TRACE}-{'0' * 16}-01"),
        ("traceparent", ""),
        ("x-session-id", ""),
        ("x-session-id", "s" * 201),
        ("x-user-id", "a\tb"),
    ],
)
def test_a_header_of_another_form_is_named(header: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        trace_of_headers({header: value}, {}, "otherwise")

    assert refused.value.param == header
    assert named_trace_id({header: value}, "otherwise") == "otherwise"


@pytest.mark.parametrize(
    ("told", "context"),
    [
        (None, TraceContext("otherwise")),
        ({}, TraceContext("otherwise")),
        ({"session_id": "s"}, TraceContext("otherwise", session_id="s")),
        (
            {"trace_id": _TRACE, "parent_id": _SPAN, "session_id": "s", "user_id": "u"},
            TraceContext(_TRACE, _SPAN, "s", "u"),
        ),
    ],
)
def test_an_object_names_a_trace(told: Any, context: TraceContext) -> None:
    assert trace_context(told, "otherwise") == context


@pytest.mark.parametrize(
    ("told", "param"),
    [
        ("text", "trace"),
        ([], "trace"),
        ({"span_id": _SPAN}, "trace"),
        ({"trace_id": "short"}, "trace.trace_id"),
        ({"trace_id": 4}, "trace.trace_id"),
        ({"trace_id": _TRACE, "parent_id": "x"}, "trace.parent_id"),
        ({"parent_id": _SPAN}, "trace.trace_id"),
        ({"session_id": 4}, "trace.session_id"),
        ({"user_id": ""}, "trace.user_id"),
    ],
)
def test_an_object_of_another_form_is_named(told: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        trace_context(told, "otherwise")

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("outer", "own", "both"),
    [
        (None, None, None),
        ({"user_id": "u"}, None, {"user_id": "u"}),
        (None, {"user_id": "u"}, {"user_id": "u"}),
        (
            {"trace_id": "a", "parent_id": "p"},
            {"session_id": "s"},
            {"trace_id": "a", "parent_id": "p", "session_id": "s"},
        ),
        ({"trace_id": "a", "parent_id": "p", "user_id": "u"}, {"trace_id": "b"}, {"trace_id": "b", "user_id": "u"}),
        ({"trace_id": "a"}, "nonsense", "nonsense"),
    ],
)
def test_a_call_says_more_than_its_object(outer: Any, own: Any, both: Any) -> None:
    assert joined(outer, own) == both
