"""Google service accounts: a signed assertion is exchanged for a token of about an hour.

https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests

Only with a key file that the tenant has stored, and only at Google's own endpoint, whatever address the file names.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from json import dumps, loads
from time import time

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from httpx import Request, codes

from tenant_llm.dialects.content import decode_base64
from tenant_llm.dialects.errors import answer_error
from tenant_llm.domain.errors import CredentialRejected, InvalidRequest, MalformedAnswer
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import GoogleOAuth, Json, WireResponse
from tenant_llm.transport.auth import Fetch, Means
from tenant_llm.transport.auth.kept import Kept

ENDPOINT = "https://oauth2.googleapis.com/token"
_ENDPOINTS = frozenset(
    {ENDPOINT, "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token"}
)
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 3600  # the most that the endpoint grants
_REFUSED = (codes.BAD_REQUEST, codes.UNAUTHORIZED, codes.FORBIDDEN)


@cache
def tokens() -> Kept[str]:
    """The process's tokens."""
    return Kept()


def service_account(request: Request, auth: GoogleOAuth, credential: Credential, means: Means) -> None:
    """``Authorization: Bearer <token>``, from the cache or fetched within the call's deadline.

    Raises:
        CredentialMissing: When the credential lacks the field.
        CredentialRejected: When it holds no service account's key file, or Google refuses the key.
        ProviderError: When the token endpoint fails.
    """
    key_file = credential.get(auth.field).strip()
    token = tokens().find(key_file, auth.scope)
    if token is None:
        token, seconds = _fetched(_key_file(key_file, auth.field), auth, means.fetch)
        tokens().keep(token, seconds, key_file, auth.scope)
    request.headers["authorization"] = f"Bearer {token}"


def _fetched(account: Mapping[str, Json], auth: GoogleOAuth, fetch: Fetch) -> tuple[str, float]:
    """A token and the seconds that it is good for."""
    form = {"grant_type": _GRANT, "assertion": _assertion(account, auth)}
    response = fetch(Request("POST", ENDPOINT, data=form))
    if not codes.is_success(response.status):
        raise _refusal(response, auth.field)
    body = response.json()
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise MalformedAnswer("the token endpoint's answer has no access token")
    seconds = body.get("expires_in")
    return token, seconds if isinstance(seconds, int | float) else _LIFETIME


def _refusal(response: WireResponse, where: str) -> Exception:
    """A key that is refused is told with statuses that elsewhere blame the request."""
    error = answer_error(response)
    if response.status not in _REFUSED:
        return error
    return CredentialRejected(f"Google refused the service account's key: {error.message}", param=where)


def _assertion(account: Mapping[str, Json], auth: GoogleOAuth) -> str:
    """A JSON web token (RS256), https://www.rfc-editor.org/rfc/rfc7523#section-3."""
    now = int(time())
    head = {"alg": "RS256", "typ": "JWT", "kid": account.get("private_key_id")}
    claims = {
        "iss": account["client_email"],
        "scope": auth.scope,
        "aud": ENDPOINT,
        "iat": now,
        "exp": now + _LIFETIME,
    }
    signed = f"{_packed(dumps(head).encode())}.{_packed(dumps(claims).encode())}"
    key = _private_key(str(account["private_key"]))
    if key is None:
        raise _no_key_file(auth.field)
    return f"{signed}.{_packed(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _key_file(text: str, where: str) -> Mapping[str, Json]:
    """The account in a key file.

    Raises:
        CredentialRejected: When the text is none, or the file wants its tokens from elsewhere.
    """
    account = _decoded(text)
    if not all(isinstance(account.get(name), str) for name in ("client_email", "private_key")):
        raise _no_key_file(where)
    endpoint = account.get("token_uri", ENDPOINT)
    if endpoint not in _ENDPOINTS:
        raise CredentialRejected(f"the service account's token_uri is {endpoint!r}, not Google's", param=where)
    return account


def _decoded(text: str) -> Mapping[str, Json]:
    """The JSON object in a text, plain or in base64; an empty one where there is none.

    What went wrong is not told: the exceptions of a decoder hold the whole text, which is a key.
    """
    try:
        account = loads(text if text.startswith("{") else decode_base64(text, "key"))
    except (ValueError, RecursionError, InvalidRequest):
        return {}
    return account if isinstance(account, dict) else {}


def _private_key(pem: str) -> RSAPrivateKey | None:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) else None


def _no_key_file(where: str) -> CredentialRejected:
    return CredentialRejected(
        f"the stored {where!r} is not the JSON key file of a service account, as text or in base64", param=where
    )


def _packed(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
