"""The one door of every function: events from API Gateway and from direct invocations in, answers and envelopes out."""

from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http import HTTPStatus
from json import dumps, loads
from math import ceil, inf

from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import BudgetExceeded, InvalidRequest, NotFound, TenantLLMError
from tenant_llm.domain.trace import derived_trace_id
from tenant_llm.domain.wire import Form, Json, JsonObject
from tenant_llm.settings import settings
from tenant_llm.surface import http, snapshot
from tenant_llm.surface.invalid import invalid_request, shortened
from tenant_llm.surface.trace_context import named_trace_id, trace_context, trace_of_headers
from tenant_llm.telemetry import logs, metrics

# Kept back from Lambda's own time for settling the call and rendering the answer.
_RESERVE_SECONDS = 1.0
_LONGEST_KEY = 512


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked, wherever it came from.

    ``body`` of a direct call is its event without ``tenant_id``, ``operation`` and ``trace``. ``path`` and ``query``
    are decoded, and empty for a direct call, whose event has those names in the body. ``accept`` is the header of that
    name.
    """

    caller: Caller
    body: JsonObject = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    form: Form | None = field(default=None, repr=False)
    direct: bool = False
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: JSON, bytes of any type, or a text under a ``content_type`` that is not JSON.

    A generator of bytes is an answer that comes in pieces; closing it hangs up on whoever makes them.
    """

    body: Json | Generator[bytes] = field(repr=False)
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


type Operation = Callable[[Call], Answer]
type Routes = Mapping[str, Operation]
type Handler = Callable[[JsonObject, object], Json]


def entrypoint(routes: Routes, *, operator: bool = False, prepare: Callable[[], object] | None = None) -> Handler:
    """A Lambda handler over operations.

    Args:
        routes: ``"METHOD /resource/{parameter}"``, as API Gateway's events have it, to its operation. A direct event
            names an operation by its ``__name__``; without a name it means the first.
        operator: whether IAM guards the routes, so that no authorizer has to name a tenant.
        prepare: builds the function's services; called at once inside Lambda, and not elsewhere.

    Returns:
        The handler. Over HTTP every failure is an answer. A direct call gets an expected failure as an answer too; one
        that may succeed when repeated is raised, so that Lambda repeats an asynchronous call.
    """
    snapshot.prepare(prepare)

    def handler(event: JsonObject, context: object) -> Json:
        if http.is_http(event):
            return _serve_http(routes, event, context, operator=operator)
        return _serve_directly(routes, event, context, operator=operator)

    return handler


def _serve_http(routes: Routes, event: JsonObject, context: object, *, operator: bool) -> JsonObject:
    platform_id = http.request_id(event, context)
    headers = answer_headers(event, context)
    try:
        operation, call = read_http(routes, event, context, operator=operator)
        headers = answer_headers(event, context, call)
        with logs.context(request_id=platform_id, tenant=call.caller.tenant_id):
            return _rendered(_whole(operation(call)), headers)
    except Exception as error:  # noqa: BLE001 (the last resort: a caller gets an envelope, whatever happened)
        return _rendered(failure(error, platform_id), headers)


def _serve_directly(routes: Routes, event: JsonObject, context: object, *, operator: bool) -> Json:
    platform_id = http.request_id(event, context)
    try:
        operation, call = read_direct(routes, event, context, operator=operator)
        with logs.context(request_id=platform_id, tenant=call.caller.tenant_id):
            return _returned(_whole(operation(call)))
    except TenantLLMError as error:
        if error.retryable:
            raise
        return error.envelope()
    except ValidationError as error:
        return invalid_request(error).envelope()
    except Exception as error:
        logs.unexpected(error, platform_id)
        metrics.count_fault()
        raise


def _whole(answer: Answer) -> Answer:
    """An answer in one piece: a buffered function cannot send a part of one."""
    if not isinstance(answer.body, Generator):
        return answer
    content = b"".join(answer.body)
    return replace(answer, body=content.decode() if answer.content_type.startswith("text/") else content)


def read_http(routes: Routes, event: JsonObject, context: object, *, operator: bool = False) -> tuple[Operation, Call]:
    """The operation that API Gateway's event asks for, and how it is called.

    Raises:
        NotFound: When there is no such route.
        Unauthorized: When no authorizer has named a tenant.
        InvalidRequest: When the body, the ``Idempotency-Key`` or a header that names a trace cannot be read.
    """
    operation = _route(routes, event)
    path, query = http.path_parameters(event), http.query_parameters(event)
    tenant_id = path.get("tenant_id", "") if operator else http.tenant_id(event)
    body, form = http.read_body(event, settings().max_body_bytes)
    headers = http.headers(event)
    key = headers.get("idempotency-key")
    asked = [event["httpMethod"], event["resource"], body, path, query, _digestible(form)]
    call_id = _call_id(event, context, key, asked, "Idempotency-Key")
    caller = replace(
        _caller(tenant_id, call_id, context, settings().http_timeout_millis / 1000),
        trace=trace_of_headers(headers, body, derived_trace_id(tenant_id, http.request_id(event, context))),
    )
    return operation, Call(caller, body, query, path, form, accept=headers.get("accept", ""))


def read_direct(
    routes: Routes, event: JsonObject, context: object, *, operator: bool = False
) -> tuple[Operation, Call]:
    """The operation that a direct event asks for, by its name, and how it is called.

    Raises:
        InvalidRequest: When there is no such operation, or no tenant, or the event cannot be read.
    """
    operation = _operation({operation.__name__: operation for operation in routes.values()}, event)
    body = {name: value for name, value in event.items() if name not in ("tenant_id", "operation", "trace")}
    _refuse_broken_text(body)
    tenant_id = event.get("tenant_id", "" if operator else None)
    if not isinstance(tenant_id, str) or not (tenant_id or operator):
        raise InvalidRequest(f"tenant_id is {shortened(tenant_id)}: not a tenant's id", param="tenant_id")
    call_id = _call_id(event, context, event.get("request_id"), [operation.__name__, body], "request_id")
    trace = trace_context(event.get("trace"), derived_trace_id(tenant_id, http.request_id(event, context)))
    return operation, Call(replace(_caller(tenant_id, call_id, context), trace=trace), body, direct=True)


def _route(routes: Routes, event: JsonObject) -> Operation:
    route = f"{event['httpMethod']} {event.get('resource')}"
    if route not in routes:
        raise NotFound(f"there is no route {route!r}")
    return routes[route]


def _operation(named: Mapping[str, Operation], event: JsonObject) -> Operation:
    name = event.get("operation", next(iter(named)))
    if name not in named:
        raise InvalidRequest(f"operation is {name!r}: not one of {', '.join(named)}", param="operation")
    return named[name]


def _caller(tenant_id: str, call_id: str, context: object, longest: float = inf) -> Caller:
    """The caller, with a deadline before Lambda's own and before whoever waits for the answer gives up."""
    left: float = context.get_remaining_time_in_millis() / 1000  # type: ignore[attr-defined]
    return Caller(tenant_id, call_id, Deadline.after(min(left, longest) - _RESERVE_SECONDS))


def _call_id(event: JsonObject, context: object, key: Json, asked: Json, param: str) -> str:
    """The id a call is counted under: the caller's key with a digest of what is asked, else the platform's.

    The digest keeps a key that is used for two different requests from making the second one free.
    """
    if key is None:
        return http.request_id(event, context)
    if not isinstance(key, str) or not key.isprintable() or not 0 < len(key.encode()) <= _LONGEST_KEY:
        raise InvalidRequest(
            f"{param} is {shortened(key)}: not a printable text of 1 to {_LONGEST_KEY} bytes", param=param
        )
    return f"{key}.{sha256(dumps(asked, sort_keys=True).encode()).hexdigest()[:16]}"


def _digestible(form: Form | None) -> Json:
    # Of the parts and not of the body, whose boundary a client makes anew for every attempt.
    if form is None:
        return None
    files = {name: [file.name, sha256(file.content).hexdigest()] for name, file in form.files.items()}
    return [dict(form.fields), files]


def _refuse_broken_text(body: JsonObject) -> None:
    try:
        http.refuse_lone_surrogates(body)
    except UnicodeEncodeError as error:
        raise InvalidRequest("the event holds text that is not Unicode: half of a surrogate pair") from error


def answer_headers(event: JsonObject, context: object, call: Call | None = None) -> dict[str, str]:
    """What every answer over HTTP tells, also of a call that could not be read: ``x-request-id``, ``x-trace-id``."""
    platform_id = http.request_id(event, context)
    if call is None:
        trace_id = named_trace_id(http.headers(event), derived_trace_id("", platform_id))
    else:
        trace_id = call.caller.context.trace_id
    return {"x-request-id": platform_id, "x-trace-id": trace_id}


def _rendered(answer: Answer, headers: Mapping[str, str]) -> JsonObject:
    return http.render(answer.body, answer.status, answer.content_type, {**headers, **answer.headers})


def failure(error: Exception, platform_id: str) -> Answer:
    """What a caller is told of a failure, with its status; ours and the provider's are logged."""
    if isinstance(error, ValidationError):
        error = invalid_request(error)
    if not isinstance(error, TenantLLMError):
        logs.unexpected(error, platform_id)
        metrics.count_fault()
        error = TenantLLMError(f"internal error; the request id is {platform_id}")
    elif error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logs.answered(error, platform_id)
    headers = {} if error.retry_after is None else {"retry-after": str(ceil(error.retry_after))}
    if isinstance(error, BudgetExceeded):  # else OpenAI's clients would repeat a 429 by themselves, for nothing
        headers["x-should-retry"] = "false"
    return Answer(error.envelope(), error.status, headers=headers)


def _returned(answer: Answer) -> Json:
    if isinstance(answer.body, bytes):
        audio = b64encode(answer.body).decode()
        return _checked({"audio": audio, "content_type": answer.content_type}, audio=True)
    return _checked(answer.body, audio=False)


def _checked(returned: Json, *, audio: bool) -> Json:
    """What Lambda will be able to return: not too large, and nothing in it that UTF-8 cannot carry."""
    text = dumps(returned, ensure_ascii=False)
    whole = http.mended(text)
    returned = returned if whole is text else loads(whole)
    http.refuse_too_large(returned, audio=audio)
    return returned
