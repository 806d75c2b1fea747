"""AWS Signature Version 4, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.

Only with keys that the tenant has stored, or of a role that it has opened to this deployment (``role.py``): the
process's own identity never signs for a tenant, which could otherwise reach through it what belongs to somebody else.
"""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from httpx import Request

from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import SigV4
from tenant_llm.transport.auth.static import key

_SIGNED = ("content-type", "accept")
"""Beside the host and the date; what else a request carries may be changed on its way."""


def sigv4(request: Request, auth: SigV4, credential: Credential, _means: object) -> None:
    """Sign with the tenant's keys."""
    token = key(credential, auth.token) if auth.token else None
    keys = Credentials(key(credential, auth.key_id), key(credential, auth.secret), token)
    sign(request, keys, auth.service, auth.region)


def sign(request: Request, keys: Credentials, service: str, region: str) -> None:
    """Sign method, URL, body and headers."""
    headers = {name: request.headers[name] for name in _SIGNED if name in request.headers}
    signed = AWSRequest(request.method, str(request.url), headers, request.read())
    SigV4Auth(keys, service, region).add_auth(signed)
    request.headers.update({name: value for name, value in signed.headers.items() if name.lower() not in _SIGNED})
