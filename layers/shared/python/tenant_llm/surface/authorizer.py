"""API Gateway's Lambda authorizer: an event with a bearer token in, a policy with the tenant's id out.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tenant_llm.domain.errors import Unauthorized
from tenant_llm.domain.wire import JsonObject
from tenant_llm.settings import in_lambda
from tenant_llm.telemetry import metrics

if TYPE_CHECKING:
    from tenant_llm.repositories.api_token import ApiTokenRepository

# A token of ours has 48 characters or so; whatever is far longer need not be hashed.
_LONGEST_TOKEN = 256


def authorizer(tokens: "Callable[[], ApiTokenRepository]") -> Callable[[JsonObject, object], JsonObject]:
    """The Lambda handler. Inside Lambda the repository is built at once, where initialising costs callers nothing.

    A table that refuses raises as it is: API Gateway answers 500 and remembers nothing. It is counted, since Lambda's
    own count of errors holds every wrong token, too.
    """
    if in_lambda():
        tokens()

    def handler(event: JsonObject, context: object) -> JsonObject:  # noqa: ARG001 (Lambda passes it)
        try:
            return authorize(event, tokens().tenant_of)
        except Unauthorized:
            raise
        except Exception:
            metrics.count_unchecked_token()
            raise

    return handler


def authorize(event: JsonObject, tenant_of: Callable[[str], str | None]) -> JsonObject:
    """The answer for an authorizer event, of either type: REQUEST (headers) or TOKEN (``authorizationToken``).

    The policy allows every tenant route of the stage, not only the one that was called: API Gateway keeps it under
    the token, and would refuse the next route from a policy that names one alone. The ``/admin`` routes are IAM's and
    stay outside. ``context.tenant_id`` is what functions read as ``event["requestContext"]["authorizer"]``. There is
    no ``usageIdentifierKey``: usage plans go by API keys, and our callers have none.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html

    Raises:
        Unauthorized: When there is no token, or none that is valid now. Its message is exactly ``Unauthorized``, which
            API Gateway turns into a 401; any other message would become a 500.
    """
    token = bearer(event)
    tenant_id = tenant_of(token) if token else None
    if tenant_id is None:
        raise Unauthorized("Unauthorized")
    return {
        "principalId": tenant_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": _tenant_routes(event["methodArn"])}
            ],
        },
        "context": {"tenant_id": tenant_id},
    }


def bearer(event: JsonObject) -> str | None:
    """The token of ``Authorization: Bearer <token>``; ``None`` where there is none, or something else.

    The scheme's name and the header's name are read in any case (RFC 9110, section 11.1).
    """
    headers = event.get("headers") or {}
    sent = event.get("authorizationToken") or next(
        (value for name, value in headers.items() if name.lower() == "authorization"), None
    )
    scheme, _, token = (sent or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii():
        return None
    return token


def _tenant_routes(method_arn: str) -> str:
    """``arn:aws:execute-api:region:account:api/stage/GET/v1/models`` → every method below ``/v1`` of that stage."""
    api, stage, *_ = method_arn.split("/")
    return f"{api}/{stage}/*/v1/*"
