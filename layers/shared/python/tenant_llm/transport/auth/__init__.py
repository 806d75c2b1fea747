"""Carrying out the way a key travels; a scheme with a signature or a token of its own has a module of its own here."""

from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Bearer, HeaderKey, NoAuth, QueryKey, WireRequest


def authorized(wire: WireRequest, target: Target) -> tuple[dict[str, str], dict[str, str]]:
    """The request's headers and query parameters, with the credential in them.

    Raises:
        CredentialMissing: When the stored credential has not the field the scheme needs.
    """
    headers, query = dict(wire.headers), dict(wire.query)
    auth = wire.auth
    if isinstance(auth, NoAuth) or not (target.config.needs_key or target.credential.fields):
        return headers, query
    match auth:
        case Bearer(field, scheme):
            headers["authorization"] = f"{scheme} {target.credential.get(field)}"
        case HeaderKey(name, field):
            headers[name] = target.credential.get(field)
        case QueryKey(name, field):
            query[name] = target.credential.get(field)
    return headers, query
