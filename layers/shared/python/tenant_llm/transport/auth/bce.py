"""Baidu's access keys: a signed question to its IAM is answered with a bearer token, which the models' API takes.

https://cloud.baidu.com/doc/WENXINWORKSHOP/s/Um2wxbaps. The signature is the first version of
https://cloud.baidu.com/doc/Reference/s/njwvz1yfu.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from hmac import digest
from urllib.parse import quote

from httpx import Request, codes

from tenant_llm.domain.errors import CredentialRejected, MalformedAnswer
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import BceToken, Json, WireResponse
from tenant_llm.transport.auth import Fetch, Means
from tenant_llm.transport.auth.kept import Kept
from tenant_llm.transport.auth.static import key
from tenant_llm.transport.errors import status_error

ENDPOINT = "https://iam.bj.baidubce.com/v1/BCE-BEARER/token"
_LIFETIME = 3600  # what is asked for; 30 days would be granted
_VALID = 1800  # how long a signature is
_REFUSED = (codes.BAD_REQUEST, codes.UNAUTHORIZED, codes.FORBIDDEN, codes.NOT_FOUND)


@cache
def tokens() -> Kept[str]:
    """The process's tokens."""
    return Kept()


def bearer_token(request: Request, auth: BceToken, credential: Credential, means: Means) -> None:
    """``Authorization: Bearer <token>``, from the cache or fetched within the call's deadline.

    Raises:
        CredentialMissing: When the credential lacks a field.
        CredentialRejected: When the IAM refuses the pair.
        ProviderError: When it fails.
    """
    pair = key(credential, auth.key_id), key(credential, auth.secret)
    token = tokens().find(*pair)
    if token is None:
        token, seconds = _fetched(pair, auth, credential, means.fetch)
        tokens().keep(token, seconds, *pair)
    request.headers["authorization"] = f"Bearer {token}"


def signature(  # noqa: PLR0913 - all that is signed
    method: str, path: str, query: str, headers: Mapping[str, str], *, pair: tuple[str, str], at: datetime, seconds: int
) -> str:
    """The header ``Authorization`` of a request; the query is in order and escaped, headers are in lower case."""
    key_id, secret = pair
    prefix = f"bce-auth-v1/{key_id}/{at:%Y-%m-%dT%H:%M:%SZ}/{seconds}"
    lines = sorted(f"{quote(name, safe='')}:{quote(value.strip(), safe='')}" for name, value in headers.items())
    said = "\n".join([method, quote(path, safe="/"), query, *lines])
    return f"{prefix}/{';'.join(sorted(headers))}/{_keyed(_keyed(secret, prefix), said)}"


def _fetched(pair: tuple[str, str], auth: BceToken, credential: Credential, fetch: Fetch) -> tuple[str, float]:
    """A token and the seconds that it is good for."""
    question = Request("GET", ENDPOINT, params={"expireInSeconds": _LIFETIME})
    url = question.url
    question.headers["authorization"] = signature(
        question.method,
        url.path,
        url.query.decode(),
        {"host": url.netloc.decode()},
        pair=pair,
        at=datetime.now(UTC),
        seconds=_VALID,
    )
    response = fetch(question)
    if not codes.is_success(response.status):
        raise _refusal(response, auth, credential)
    body = response.json()
    token = body.get("token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise MalformedAnswer("the token endpoint's answer has no token")
    return token, min(_lifetime(body), _LIFETIME)


def _lifetime(body: Mapping[str, Json]) -> float:
    """From the answer's own times, so that no two clocks are compared."""
    try:
        created, expires = (datetime.fromisoformat(body[name]) for name in ("createTime", "expireTime"))
        return (expires - created).total_seconds()
    except (KeyError, TypeError, ValueError):
        return _LIFETIME


def _refusal(response: WireResponse, auth: BceToken, credential: Credential) -> Exception:
    """A pair that is refused is told with statuses that elsewhere blame the request."""
    error = status_error(response, credential, None)
    if response.status not in _REFUSED:
        return error
    return CredentialRejected(
        f"Baidu's IAM refused {auth.key_id!r} and {auth.secret!r}: {error.message}. They have to be an access key of "
        "the account; an application's pair opens the first API only",
        param=auth.key_id,
    )


def _keyed(secret: str, text: str) -> str:
    return digest(secret.encode(), text.encode(), sha256).hex()
