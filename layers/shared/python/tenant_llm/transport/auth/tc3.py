"""Tencent Cloud's signature v3, https://cloud.tencent.com/document/api/213/30654."""

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from time import time

from httpx import Request

from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import TC3
from tenant_llm.transport.auth.static import key

_ALGORITHM, _END = "TC3-HMAC-SHA256", "tc3_request"
_SIGNED = ("content-type", "host", "x-tc-action")
"""In the order of the alphabet, as they have to be signed."""
_PATH, _QUERY = "/", ""
"""The same for every POST of this API, and signed so wherever it is sent."""


def tc3(request: Request, auth: TC3, credential: Credential, _means: object) -> None:
    """Sign method, body and three headers, at this very second: a signature is good for five minutes."""
    key_id, secret = key(credential, auth.key_id), key(credential, auth.secret)
    now = int(time())
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    scope = f"{day}/{auth.service}/{_END}"
    signing = f"TC3{secret}".encode()
    for word in (day, auth.service, _END):
        signing = hmac.digest(signing, word.encode(), "sha256")
    signed = "\n".join((_ALGORITHM, str(now), scope, sha256(_canonical(request).encode()).hexdigest()))
    request.headers["x-tc-timestamp"] = str(now)
    request.headers["authorization"] = (
        f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={';'.join(_SIGNED)}, "
        f"Signature={hmac.digest(signing, signed.encode(), 'sha256').hex()}"
    )


def _canonical(request: Request) -> str:
    headers = "".join(f"{name}:{request.headers[name].strip().lower()}\n" for name in _SIGNED)
    digest = sha256(request.read()).hexdigest()
    return "\n".join((request.method, _PATH, _QUERY, headers, ";".join(_SIGNED), digest))
