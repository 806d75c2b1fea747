"""How a key gets into a request: one function a scheme, found by the class of the ``Auth`` value.

A new scheme is a value in ``domain/wire.py``, a module here and a line in the table. Its function takes the request,
which it changes in place, the ``Auth`` value, the credential, and the ``Means`` of the call. What belongs to the tenant
or its model comes with the ``Auth`` value, which a dialect made; what belongs to the deployment, with the settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import httpx

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import (
    TC3,
    AssumedRole,
    Auth,
    BceToken,
    Bearer,
    GoogleOAuth,
    HeaderKey,
    NoAuth,
    QueryKey,
    SignedLine,
    SignedQuery,
    SigV4,
    WireResponse,
)
from tenant_llm.settings import Settings

type Fetch = Callable[[httpx.Request], WireResponse]


@dataclass(frozen=True, slots=True)
class Means:
    """What a scheme may use: ``fetch`` sends another request over the same client, within the same deadline."""

    fetch: Fetch
    deadline: Deadline
    settings: Settings


type Scheme = Callable[[httpx.Request, Any, Any, Means], None]

_SCHEMES: Mapping[type[Auth], tuple[str, str]] = {
    Bearer: ("static", "bearer"),
    HeaderKey: ("static", "header_key"),
    QueryKey: ("static", "query_key"),
    SignedQuery: ("static", "signed_query"),
    NoAuth: ("static", "nothing"),
    SigV4: ("sigv4", "sigv4"),
    SignedLine: ("signed_line", "signed_line"),
    TC3: ("tc3", "tc3"),
    GoogleOAuth: ("google", "service_account"),
    BceToken: ("bce", "bearer_token"),
    AssumedRole: ("role", "assumed_role"),
}
"""The class of an ``Auth`` value → module of this package, function."""


def schemes() -> set[type[Auth]]:
    """The classes of ``Auth`` that can be carried out."""
    return set(_SCHEMES)


def sign(request: httpx.Request, auth: Auth, target: Target, means: Means) -> None:
    """Put the target's key into a request. A keyless target without a stored key gets none.

    Raises:
        CredentialMissing: When the credential lacks the field that the scheme needs.
        CredentialRejected: When the stored value is none that can be sent.
    """
    if not target.config.needs_key and not target.credential.fields:
        return
    module, function = _SCHEMES[type(auth)]
    scheme = cast("Scheme", getattr(import_module(f"{__name__}.{module}"), function))
    scheme(request, auth, target.credential, means)
