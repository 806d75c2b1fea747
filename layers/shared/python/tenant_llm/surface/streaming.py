"""The door of functions that stream: HTTP requests of the Lambda Web Adapter in, bytes out as they come.

Python's managed runtime cannot send a part of an answer. AWS's adapter can: it runs beside the function, turns API
Gateway's event into a request to a server on loopback, and passes on what comes back while it comes
(https://aws.github.io/aws-lambda-web-adapter/). What API Gateway knows of the caller comes in a header that the adapter
sets, whatever the caller wrote; any other event is posted to a path of its own, and so is what Lambda does with a
snapshot.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from json import loads
from time import time
from typing import Any
from urllib.parse import parse_qsl

from tenant_llm.domain.deadline import Line
from tenant_llm.domain.errors import InvalidRequest, NotFound
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.settings import settings
from tenant_llm.surface import http, snapshot
from tenant_llm.surface.entrypoint import (
    Answer,
    Call,
    Operation,
    Routes,
    answer_headers,
    failure,
    read_direct,
    read_http,
)
from tenant_llm.telemetry import logs

REQUEST_CONTEXT = "x-amzn-request-context"
LAMBDA_CONTEXT = "x-amzn-lambda-context"
EVENTS = "/events"
"""Where the adapter posts what is no HTTP event: AWS_LWA_PASS_THROUGH_PATH."""

SNAPSHOT = {"/snapshot/before": snapshot.before, "/snapshot/after": snapshot.after}
"""Where it posts that Lambda takes a snapshot, and that it has started from one: AWS_LWA_SNAPSTART_…_PATH.

The adapter refuses callers these paths (https://github.com/aws/aws-lambda-web-adapter/pull/837), no route of the API
leads to them, and whoever names a caller is not heard there.
"""

_CALLS_AT_ONCE = 100

type Message = MutableMapping[str, Any]
type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Context:
    """Of Lambda's context what the adapter hands on: the call's id, and when Lambda stops it (milliseconds, epoch)."""

    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> float:
        """As Lambda's own context has it."""
        return max(0.0, self.deadline - time() * 1000)


def streaming(routes: Routes) -> Application:
    """An ASGI application over routes as ``entrypoint`` has them.

    https://asgi.readthedocs.io/en/latest/specs/www.html

    A caller that hangs up ends its call: what was delivered is settled, and the provider is not listened to any longer.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        event: JsonObject = {}
        context: object = None
        try:
            if (hook := SNAPSHOT.get(scope["path"])) and _is_of_the_adapter(scope):
                await _in_thread(hook)
                await _send_head(HTTPStatus.NO_CONTENT, {}, send)
                await send({"type": "http.response.body"})
                return
            event, context = _event(scope, await _body(receive))
            read = read_http if http.is_http(event) else read_direct
            operation, call = await _in_thread(read, routes, event, context)
        except Exception as error:  # noqa: BLE001 (the last resort: a caller gets an envelope, whatever happened)
            platform_id = http.request_id(event, context)
            await _send(failure(error, platform_id), answer_headers(event, context), send)
            return
        headers = answer_headers(event, context, call)
        with logs.context(request_id=headers["x-request-id"], tenant=call.caller.tenant_id):
            await _serve(operation, call, headers, receive, send)

    return application


async def _serve(operation: Operation, call: Call, told: dict[str, str], receive: Receive, send: Send) -> None:
    listening = asyncio.create_task(_listen(receive, call.caller.deadline.line))
    try:
        try:
            answer = await _in_thread(operation, call)
        except Exception as error:  # noqa: BLE001 (as above)
            answer = failure(error, told["x-request-id"])
        await _send(answer, told, send)
    finally:
        listening.cancel()


async def _listen(receive: Receive, line: Line) -> None:
    """Note that the caller has hung up, which nothing else tells whoever waits for the provider."""
    while (await receive())["type"] != "http.disconnect":
        continue
    line.hung_up = True


async def _send(answer: Answer, told: dict[str, str], send: Send) -> None:
    headers = {"content-type": answer.content_type, **told, **answer.headers}
    if isinstance(answer.body, Generator):
        headers["cache-control"] = "no-cache"
        await _send_head(answer.status, headers, send)
        await _send_pieces(answer.body, told["x-request-id"], send)
        return
    content = _content(answer)
    await _send_head(answer.status, {**headers, "content-length": str(len(content))}, send)
    await send({"type": "http.response.body", "body": content})


async def _send_head(status: int, headers: dict[str, str], send: Send) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _send_pieces(pieces: Generator[bytes], platform_id: str, send: Send) -> None:
    """Send each piece when it is there. After a fault of ours the answer has no end, which its reader sees."""
    try:
        while (piece := await _in_thread(next, pieces, None)) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except Exception as error:  # noqa: BLE001 (the last resort: the status is long sent)
        failure(error, platform_id)
        return
    finally:
        await _in_thread(pieces.close)
    await send({"type": "http.response.body"})


def _content(answer: Answer) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    if isinstance(answer.body, str) and answer.content_type != "application/json":
        return http.mended(answer.body).encode()
    return http.write_json(answer.body).encode()


async def _in_thread[**Parameters, Result](
    function: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
) -> Result:
    call = partial(copy_context().run, function, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that wait for providers. The loop's own are few, and a stream holds one while its provider thinks."""
    return ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="call")


async def _body(receive: Receive) -> bytes:
    """The whole body; one beyond the limit is not read to its end, and refused by its length later."""
    content = bytearray()
    more = True
    while more and len(content) <= settings().max_body_bytes:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(content)


def _is_of_the_adapter(scope: Scope) -> bool:
    """Whether it speaks for itself, and not for a caller, of whom it would tell."""
    return scope["method"] == "POST" and not {REQUEST_CONTEXT, LAMBDA_CONTEXT} & _headers(scope).keys()


def _event(scope: Scope, body: bytes) -> tuple[JsonObject, _Context]:
    """The event that the adapter was given, as far as it is looked at, and its context.

    Raises:
        NotFound: When something else than the adapter asks.
        InvalidRequest: When a header of the adapter comes twice: one of them is then the caller's.
    """
    headers = _headers(scope)
    told = {name: loads(headers.get(name, "null")) for name in (REQUEST_CONTEXT, LAMBDA_CONTEXT)}
    about, lambda_context = told[REQUEST_CONTEXT], told[LAMBDA_CONTEXT] or {}
    context = _Context(str(lambda_context.get("request_id", "")), _milliseconds(lambda_context))
    if scope["path"] == EVENTS and scope["method"] == "POST" and not about:
        return http.read_json(body), context
    if not isinstance(about, dict) or not about.get("resourcePath"):
        raise NotFound(f"there is no route '{scope['method']} {scope['path']}'")
    event = {
        "httpMethod": scope["method"],
        "resource": about["resourcePath"],
        "headers": headers,
        "queryStringParameters": dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        "requestContext": about,
        "body": body,
    }
    return event, context


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        if name in headers and name in (REQUEST_CONTEXT, LAMBDA_CONTEXT):
            raise InvalidRequest(f"the header {name!r} is not a caller's to send", param=name)
        headers[name] = value.decode("latin-1")
    return headers


def _milliseconds(lambda_context: Json) -> float:
    deadline = lambda_context.get("deadline", lambda_context.get("deadline_ms"))
    if not isinstance(deadline, int | float):
        raise NotFound(f"the header {LAMBDA_CONTEXT!r} tells no deadline")
    return float(deadline)
