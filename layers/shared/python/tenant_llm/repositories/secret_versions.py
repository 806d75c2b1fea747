"""One secret a tenant in Secrets Manager, a JSON object, changed by compare-and-swap."""

from dataclasses import dataclass, field
from json import JSONDecodeError, dumps, loads
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from botocore.config import Config
from botocore.exceptions import ClientError

from tenant_llm.domain.errors import CredentialMissing, InvalidRequest
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.repositories.tables import connection, storage

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
_LARGEST_SECRET_BYTES = 65_536
_CURRENT = "AWSCURRENT"
_NEXT = "TENANT_LLM_NEXT"
_RECOVERY_DAYS = 7

_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})

_ABSENT = "ResourceNotFoundException"
# What Secrets Manager says of a secret that is scheduled for deletion.
_SCHEDULED = "InvalidRequestException"
# What a writer hears who comes second: the label is elsewhere, the secret is there, is gone, or is scheduled.
_OVERTAKEN = {"InvalidParameterException", "ResourceExistsException", _ABSENT, _SCHEDULED}


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as read: what stands at each place, and the version that says so; ``None`` where there is no secret."""

    places: JsonObject = field(repr=False)
    version: str | None


_NO_SECRET = Secret({}, None)


class SecretVersions:
    """Reads and swaps the tenants' secrets. Every method raises ``ServiceUnavailable`` when AWS refuses."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        # The session that pynamodb has loaded makes a client in some ms; a second session, or boto3, takes a cold start
        # 100 to 300 ms more.
        client = connection().session.create_client("secretsmanager", config=_CONFIG)
        self._client = cast("SecretsManagerClient", client)

    def read(self, tenant_id: str, *, restore: bool = False) -> Secret:
        """The current version. A secret scheduled for deletion counts as none, or is restored first.

        Raises:
            CredentialMissing: When the secret is not a JSON object; its content is not quoted.
        """
        with storage():
            try:
                answer = self._client.get_secret_value(SecretId=self._name(tenant_id), VersionStage=_CURRENT)
            except ClientError as error:
                code = _code(error)
                if code == _ABSENT or (code == _SCHEDULED and not restore):
                    return _NO_SECRET
                if code != _SCHEDULED:
                    raise
                self._restore(tenant_id)
                answer = self._client.get_secret_value(SecretId=self._name(tenant_id), VersionStage=_CURRENT)
        return Secret(_places(tenant_id, answer.get("SecretString", "")), answer["VersionId"])

    def swap(self, tenant_id: str, read: Secret, places: JsonObject) -> str | None:
        """Make ``places`` the secret, if what was ``read`` still is.

        The new version is written beside the current one; moving ``AWSCURRENT`` to it names the version it must come
        from, and Secrets Manager refuses where it is not there any more:
        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html

        Returns:
            The new version, or ``None`` where somebody else was faster.

        Raises:
            InvalidRequest: When the places together are larger than a secret.
        """
        text = dumps(places, ensure_ascii=False, separators=(",", ":"))
        if (size := len(text.encode())) > _LARGEST_SECRET_BYTES:
            raise InvalidRequest(
                f"the tenant's keys have {size} bytes, more than {_LARGEST_SECRET_BYTES}", param="api_key"
            )
        name = self._name(tenant_id)
        version = str(uuid4())
        with storage():
            try:
                if read.version is None:
                    self._client.create_secret(Name=name, SecretString=text, ClientRequestToken=version)
                else:
                    self._client.put_secret_value(
                        SecretId=name, SecretString=text, ClientRequestToken=version, VersionStages=[_NEXT]
                    )
                    self._client.update_secret_version_stage(
                        SecretId=name,
                        VersionStage=_CURRENT,
                        MoveToVersionId=version,
                        RemoveFromVersionId=read.version,
                    )
            except ClientError as error:
                if _code(error) not in _OVERTAKEN:
                    raise
                return None
        return version

    def discard(self, tenant_id: str, version: str) -> None:
        """Schedule a secret for deletion whose ``version`` holds nothing, unless another has become current.

        Nobody can write a secret that is scheduled, so what is current then stays. What came before the schedule is
        found by looking again, and the secret restored.
        """
        name = self._name(tenant_id)
        with storage():
            try:
                self._client.delete_secret(SecretId=name, RecoveryWindowInDays=_RECOVERY_DAYS)
                secret = self._client.describe_secret(SecretId=name)
            except ClientError as error:
                if _code(error) not in {_ABSENT, _SCHEDULED}:
                    raise
                return
            if _CURRENT not in secret["VersionIdsToStages"].get(version, []) and "DeletedDate" in secret:
                self._restore(tenant_id)

    def destroy(self, tenant_id: str) -> None:
        """Delete the secret at once, beyond recovery; that there is none is as good."""
        with storage():
            try:
                self._client.delete_secret(SecretId=self._name(tenant_id), ForceDeleteWithoutRecovery=True)
            except ClientError as error:
                if _code(error) != _ABSENT:
                    raise

    def _restore(self, tenant_id: str) -> None:
        try:
            self._client.restore_secret(SecretId=self._name(tenant_id))
        except ClientError as error:
            if _code(error) != _SCHEDULED:  # somebody else has restored it
                raise

    def _name(self, tenant_id: str) -> str:
        return f"{self._prefix}{tenant_id}"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _places(tenant_id: str, text: str) -> JsonObject:
    message = f"the secret of tenant {tenant_id!r} is not a JSON object"
    try:
        places: Json = loads(text)
    except JSONDecodeError:
        raise CredentialMissing(message, code="credential_malformed") from None  # the cause quotes the secret
    if not isinstance(places, dict):
        raise CredentialMissing(message, code="credential_malformed")
    return places
