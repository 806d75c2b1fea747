"""Where a call goes and how it is signed; which model an id means."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from tenant_llm.dialects.body import auth, endpoint, wire_model
from tenant_llm.domain.errors import CredentialMissing, InvalidRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import AssumedRole, Auth, Bearer, Framing, JsonObject, SigV4, WireRequest

_SERVICE = "bedrock"  # of both runtimes, whatever their host is called
_HOLE = "{region}"
# A partition or country, a direction, a number: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
_REGION = re.compile(
    r"[a-z]{2}(-(gov|iso[a-z]?)|sc-[a-z]{2})?-(central|(north|south)(east|west)?|east|west)-[0-9]{1,2}"
)
_ROLE_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_REGIONS = ("bedrock_region", "aws_region", "region")
_API_KEYS = ("bedrock_api_key", "api_key")
_KEY_IDS = ("bedrock_ak", "aws_access_key_id", "access_key_id")
_SECRETS = ("bedrock_sk", "aws_secret_access_key", "secret_access_key")
_TOKENS = ("bedrock_session_token", "aws_session_token", "session_token")
_ROLE = "aws_role_arn"
# The original's words: one is for a role whose ARN is given, one for the process's own; which is which depends on whom
# one asks, so that the ARN decides.
_ROLE_MODES = ("iam_role", "assume_role")
_MODES = ("", "access_key_secret", "api_key", *_ROLE_MODES)
_GEOGRAPHIES = frozenset({"us", "eu", "apac", "global", "jp", "au", "ca", "sa", "us-gov"})


def post(
    target: Target,
    path: str,
    body: JsonObject,
    *,
    framing: Framing | None = None,
    headers: Mapping[str, str] | None = None,
) -> WireRequest:
    """A JSON request; the ``{region}`` of a base URL is the credential's.

    Raises:
        CredentialMissing: When there is no region, or no role where the credential wants one.
        InvalidRequest: When the region, the role or the mode is none.
    """
    config, quirks = target.config, target.config.quirks
    base_url = config.base_url.replace(_HOLE, region(target)) if _HOLE in config.base_url else config.base_url
    return WireRequest(
        url=endpoint(base_url, path, quirks),
        headers={**(headers or {}), **quirks.headers},
        query=dict(quirks.query),
        json=body,
        auth=auth(quirks, _auth(target)),
        framing=framing,
    )


def model_path(target: Target, operation: str) -> str:
    """``model/{id}/{operation}``; ids hold colons, and ARNs slashes, which are escaped."""
    return f"model/{quote(model_id(target), safe='')}/{operation}"


def model_id(target: Target) -> str:
    """The id as the tenant wrote it: of a model, an inference profile, or an ARN of either."""
    return wire_model(target.config.wire_name, target.config.quirks)


def region(target: Target) -> str:
    """The credential's region, which becomes a part of a host's name.

    Raises:
        CredentialMissing: When the credential has none.
        InvalidRequest: When it is not written like a region.
    """
    name = target.credential.get(_field(target, _REGIONS) or _REGIONS[0]).strip()
    if not _REGION.fullmatch(name):
        raise InvalidRequest(f"bedrock_region: {name!r} is no AWS region", param="bedrock_region")
    return name


def vendor(model: str) -> tuple[str, str]:
    """Who made a model, and its own name: ``us.cohere.embed-v4:0`` is ``("cohere", "embed-v4:0")``.

    The geography of an inference profile is passed over, and so is what stands before an ARN's last slash. Both are
    empty for ids that do not tell, as of application inference profiles.
    """
    first, _, rest = model.rpartition("/")[2].partition(".")
    if first in _GEOGRAPHIES:
        first, _, rest = rest.partition(".")
    return (first, rest) if rest else ("", "")


def _auth(target: Target) -> Auth:
    """The tenant's API key or access keys, else a role of its AWS account.

    https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html. This service's own identity never calls for a
    tenant: a mode that wants a role and names none is refused.
    """
    fields = target.credential.fields
    mode, role = fields.get("auth_mode", "").strip(), fields.get(_ROLE, "").strip()
    if mode not in _MODES:
        raise InvalidRequest(f"auth_mode: {mode!r} is none of {_MODES[1:]}", param="auth_mode")
    if mode in _ROLE_MODES and not role:
        raise CredentialMissing(
            f"auth_mode {mode!r} needs {_ROLE!r}: this deployment's own identity is not lent to a tenant", param=_ROLE
        )
    key_id, api_key = _field(target, _KEY_IDS), _field(target, _API_KEYS)
    if mode in _ROLE_MODES or (role and not mode and not key_id and not api_key):
        return AssumedRole(_SERVICE, region(target), _role_field(role), target.config.tenant_id)
    if api_key and not key_id:
        return Bearer(api_key)
    return SigV4(
        _SERVICE,
        region(target),
        key_id or _KEY_IDS[0],
        _field(target, _SECRETS) or _SECRETS[0],
        _field(target, _TOKENS),
    )


def _role_field(arn: str) -> str:
    if not _ROLE_ARN.fullmatch(arn):
        raise InvalidRequest(f"{_ROLE}: {arn!r} is not the ARN of an IAM role", param=_ROLE)
    return _ROLE


def _field(target: Target, names: tuple[str, ...]) -> str | None:
    """The first of the credential's fields that is filled in."""
    return next((name for name in names if target.credential.fields.get(name, "").strip()), None)
