"""The HTTP API on a laptop: a request becomes the event that API Gateway would send, for the same handler."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from json import dumps
from time import monotonic, time
from typing import Any
from urllib.parse import parse_qsl, quote
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from local.template import Route, routes
from tenant_llm.surface.streaming import LAMBDA_CONTEXT, REQUEST_CONTEXT, streaming

type Handler = Callable[[Mapping[str, Any], Any], Any]

_SECONDS = 120
_HOLE = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(slots=True)
class Context:
    """What Lambda hands to a handler beside the event."""

    function_name: str
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    memory_limit_in_mb: int = 1024
    started: float = field(default_factory=monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """An ARN of the right form."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the call."""
        return max(0, int((self.started + _SECONDS - monotonic()) * 1000))


def handler(function: str) -> Handler:
    """The handler of a function's folder."""
    found: Handler = import_module(f"functions.{function}.handler").handler
    return found


def invoke(function: str, event: Mapping[str, Any]) -> Any:
    """Invoke a function directly, as another Lambda would."""
    return handler(function)(event, Context(function))


def application() -> Starlette:
    """The ASGI application with the template's routes."""
    return Starlette(
        routes=[_route(route) for route in sorted(routes(), key=lambda route: "{" in route.path)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={404: _no_route, 405: _no_route},
    )


def _route(route: Route) -> StarletteRoute:
    async def serve(request: Request) -> Response:
        event = _event(route, request, await request.body())
        return await run_in_threadpool(_answer, route, event)

    path = _HOLE.sub(lambda hole: f"{{{hole[1]}:path}}" if hole[2] else f"{{{hole[1]}}}", route.path)
    return StarletteRoute(path, _Streamed(route) if route.streams else serve, methods=[route.method])


@dataclass(frozen=True, slots=True)
class _Streamed:
    """A route behind API Gateway, which asks the authorizer, and the adapter, which adds its headers."""

    route: Route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        event = _event(self.route, Request(scope), b"")
        refusal = await run_in_threadpool(_authorized, self.route, event)
        app = refusal or streaming(import_module(f"functions.{self.route.function}.handler").ROUTES)
        headers = [*scope["headers"], *_adapter_headers(event, self.route)]
        await app({**scope, "headers": headers}, receive, send)


def _event(route: Route, request: Request, body: bytes) -> dict[str, Any]:
    headers = request.headers
    text = headers.get("content-type", "application/json").startswith(("application/json", "text/"))
    many_queries: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        many_queries.setdefault(name, []).append(value)
    request_id = str(uuid4())
    return {
        "resource": route.path,
        "path": request.url.path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": {name: headers.getlist(name) for name in headers},
        "queryStringParameters": {name: values[-1] for name, values in many_queries.items()} or None,
        "multiValueQueryStringParameters": many_queries or None,
        "pathParameters": {name: quote(value) for name, value in request.path_params.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "resourcePath": route.path,
            "httpMethod": request.method,
            "path": request.url.path,
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "extendedRequestId": request_id,
            "stage": "local",
            "identity": {"sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent")},
        },
        "body": (body.decode() if text else b64encode(body).decode()) if body else None,
        "isBase64Encoded": bool(body) and not text,
    }


def _answer(route: Route, event: dict[str, Any]) -> Response:
    refusal = _authorized(route, event)
    if refusal is not None:
        return refusal
    answer = invoke(route.function, event)
    body = b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer.get("body") or ""
    return Response(body, answer["statusCode"], answer.get("headers"))


def _authorized(route: Route, event: dict[str, Any]) -> Response | None:
    """Put into the event what the authorizer tells of the caller; an answer where it refuses."""
    if route.guard == "tenant":
        try:
            allowed = invoke("authorize", _authorizer_event(event))
        except Exception as refusal:  # noqa: BLE001 - how an authorizer says no
            return _refused(str(refusal))
        event["requestContext"]["authorizer"] = {**allowed["context"], "principalId": allowed["principalId"]}
    return None


def _adapter_headers(event: Mapping[str, Any], route: Route) -> list[tuple[bytes, bytes]]:
    """What the Lambda Web Adapter tells a function that streams: https://aws.github.io/aws-lambda-web-adapter/."""
    context = Context(route.function)
    deadline = int(time() * 1000) + context.get_remaining_time_in_millis()
    told = {
        REQUEST_CONTEXT: event["requestContext"],
        LAMBDA_CONTEXT: {"request_id": context.aws_request_id, "deadline": deadline},
    }
    return [(name.encode(), dumps(value).encode()) for name, value in told.items()]


def _authorizer_event(event: Mapping[str, Any]) -> dict[str, Any]:
    arn = f"arn:aws:execute-api:us-east-1:000000000000:local/local/{event['httpMethod']}{event['path']}"
    token = event["headers"].get("authorization", "")
    return {**event, "type": "REQUEST", "methodArn": arn, "authorizationToken": token}


def _refused(reason: str) -> Response:
    """What API Gateway answers for a refusing authorizer, in the template's words."""
    message = "the bearer token is missing or not valid" if reason == "Unauthorized" else reason
    error = {"message": message, "type": "authentication_error", "param": None, "code": "invalid_token"}
    return JSONResponse({"error": error}, 401, {"x-request-id": str(uuid4())})


async def _no_route(request: Request, _: Exception) -> Response:
    message = f"there is no route {request.method} {request.url.path}"
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "not_found"}
    return JSONResponse({"error": error}, 404, {"x-request-id": str(uuid4())})
