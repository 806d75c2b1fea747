"""Roles of tenants' AWS accounts, which this deployment takes on with its own identity.

A role's name is no secret, so that one tenant could name another's. What keeps them apart is the external id, which is
made of the tenant's id and never of anything a tenant says: a role opens only to the tenant that its trust policy
names.
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

import re
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Protocol, cast

from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.session import Session
from httpx import Request, codes

from tenant_llm.domain.errors import (
    CredentialRejected,
    DeadlineExceeded,
    ProviderUnavailable,
    ServiceUnavailable,
    TenantLLMError,
)
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import AssumedRole
from tenant_llm.settings import Settings
from tenant_llm.transport.auth import Means
from tenant_llm.transport.auth.kept import Kept
from tenant_llm.transport.auth.sigv4 import sign

_PARAMETER = "AssumableRoleArn"  # of template.yaml
_SECONDS = 3600  # the most for a role that is taken on with a role's keys, as Lambda's are
_LONGEST_SILENCE = 5.0
_LONGEST_SESSION = 64
_PASSING = {"Throttling", "ThrottlingException", "RequestLimitExceeded"}
_OUR_OWN = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"}
_LOCK = Lock()


class _Sts(Protocol):
    """What is used of botocore's client."""

    def assume_role(self, **arguments: str | int) -> Mapping[str, Mapping[str, str]]: ...


@cache
def keys() -> Kept[Credentials]:
    """The process's keys of roles."""
    return Kept()


@cache
def _session() -> Session:
    return Session()


def assumed_role(request: Request, auth: AssumedRole, credential: Credential, means: Means) -> None:
    """Sign with the role's keys, from the cache or fetched within the call's deadline.

    Raises:
        CredentialMissing: When the credential lacks the field.
        CredentialRejected: When the operator has not allowed such roles, or AWS refuses this one.
        ProviderUnavailable: When AWS STS fails or cannot be reached.
        ServiceUnavailable: When this deployment's own identity is not valid.
        DeadlineExceeded: When it takes too long.
    """
    arn = credential.get(auth.field).strip()
    _check_allowed(arn, auth.field, means.settings)
    external_id = f"{means.settings.external_id_prefix or means.settings.secret_prefix}{auth.tenant_id}"
    found = keys().find(arn, external_id, auth.region)
    if found is None:
        found = _taken_on(arn, external_id, auth, means)
        keys().keep(found, _SECONDS, arn, external_id, auth.region)
    sign(request, found, auth.service, auth.region)


def _check_allowed(arn: str, where: str, settings: Settings) -> None:
    allowed = settings.assumable_role_arn
    if not allowed:
        raise CredentialRejected(
            f"{where}: this deployment takes on no roles; its operator can allow them by the parameter {_PARAMETER}",
            param=where,
        )
    pattern = re.escape(allowed).replace(r"\*", ".*").replace(r"\?", ".")
    if not re.fullmatch(pattern, arn):
        raise CredentialRejected(
            f"{where}: {arn!r} is none of the roles that the parameter {_PARAMETER} allows: {allowed!r}", param=where
        )


def _taken_on(arn: str, external_id: str, auth: AssumedRole, means: Means) -> Credentials:
    client = _client(auth.region, means)
    try:
        taken = client.assume_role(
            RoleArn=arn,
            RoleSessionName=f"tenant-{auth.tenant_id}"[:_LONGEST_SESSION],
            ExternalId=external_id,
            DurationSeconds=_SECONDS,
        )["Credentials"]
    except ClientError as error:
        raise _refusal(error, arn, external_id, auth.field) from error
    except NoCredentialsError as error:
        raise ServiceUnavailable("this deployment has no AWS identity to take a role on with") from error
    except BotoCoreError as error:
        if means.deadline.remaining() <= 0:
            raise DeadlineExceeded("AWS STS did not answer in time") from error
        raise ProviderUnavailable(
            f"AWS STS in region {auth.region!r} cannot be reached: {type(error).__name__}"
        ) from error
    return Credentials(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])


def _client(region: str, means: Means) -> _Sts:
    """A client of the region's endpoint with what is left of the call's time; the transport does the repeating."""
    silence = means.deadline.timeout(_LONGEST_SILENCE)
    config = Config(
        connect_timeout=min(silence, means.settings.connect_timeout),
        read_timeout=silence,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    with _LOCK:  # clients may be shared among threads, the making of one may not
        return cast("_Sts", _session().create_client("sts", region_name=region, config=config))


def _refusal(error: ClientError, arn: str, external_id: str, where: str) -> TenantLLMError:
    """STS quotes this deployment's own identity in its messages, so that only its code is told."""
    code = error.response["Error"]["Code"]
    failed = codes.is_server_error(error.response["ResponseMetadata"]["HTTPStatusCode"])
    if code in _OUR_OWN:
        return ServiceUnavailable(f"AWS STS refuses this deployment's own identity: {code}")
    if failed or code in _PASSING:
        return ProviderUnavailable(f"AWS STS refuses for now: {code}")
    return CredentialRejected(
        f"{where}: AWS STS refuses the role {arn!r}: {code}. Its trust policy has to name this deployment, and the "
        f"external id {external_id!r}",
        param=where,
    )
