"""Keys that are sent as they are stored."""

from httpx import Request

from tenant_llm.domain.errors import CredentialRejected
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import Bearer, HeaderKey, NoAuth, QueryKey, SignedQuery


def bearer(request: Request, auth: Bearer, credential: Credential, _means: object) -> None:
    """``Authorization: Bearer <key>``, https://www.rfc-editor.org/rfc/rfc6750#section-2.1."""
    request.headers["authorization"] = f"{auth.scheme} {key(credential, auth.field)}"


def header_key(request: Request, auth: HeaderKey, credential: Credential, _means: object) -> None:
    """The key in a header of its own."""
    request.headers[auth.name] = key(credential, auth.field)


def query_key(request: Request, auth: QueryKey, credential: Credential, _means: object) -> None:
    """The key in the query string."""
    request.url = request.url.copy_set_param(auth.name, key(credential, auth.field))


def signed_query(request: Request, auth: SignedQuery, credential: Credential, _means: object) -> None:
    """The query as it was signed: written anew, ``%20`` could become ``+``, which the signature does not cover."""
    request.url = request.url.copy_with(query=key(credential, auth.field).encode())


def nothing(_request: Request, _auth: NoAuth, _credential: Credential, _means: object) -> None:
    """No key at all."""


def key(credential: Credential, field: str) -> str:
    """The key in a field, without the blanks that come with copying it.

    The libraries below quote a header they refuse in their exceptions, so a key that is no header is refused here.
    """
    value = credential.get(field).strip()
    if not (value and value.isascii() and value.isprintable()):
        raise CredentialRejected(f"the stored {field!r} is empty or has characters that no key has", param=field)
    return value
