"""The ApiToken table: which tenant a caller's token stands for, by the token's hash."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex, token_urlsafe

from pynamodb.attributes import TTLAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from tenant_llm.domain.tenant import ApiToken
from tenant_llm.repositories.tables import bound, storage
from tenant_llm.settings import Settings

PREFIX = "tllm_"
"""What every token begins with, so that people and secret scanners know one when they see it."""

_TOKEN_BYTES = 32
_ID_BYTES = 6


class _ByTenant(GlobalSecondaryIndex["TokenItem"]):
    class Meta:
        index_name = "by_tenant"
        projection = IncludeProjection(["label", "created_at", "expires_at"])

    tenant_id = UnicodeAttribute(hash_key=True)
    token_id = UnicodeAttribute(range_key=True)


class TokenItem(Model):
    """An item of the table. ``template.yaml`` declares the table and its index."""

    token_hash = UnicodeAttribute(hash_key=True)
    tenant_id = UnicodeAttribute()
    token_id = UnicodeAttribute()
    label = UnicodeAttribute(default="")
    created_at = UTCDateTimeAttribute()
    expires_at = TTLAttribute(null=True)

    by_tenant = _ByTenant()


def _now() -> datetime:
    return datetime.now(UTC)


class ApiTokenRepository:
    """Issues, knows and revokes tokens. Every method raises ``ServiceUnavailable`` when DynamoDB refuses.

    A token has 256 random bits, so a plain hash keeps it: there is nothing to guess that a slow hash would protect.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] = _now) -> None:
        self._model = bound(TokenItem, settings.api_token_table)
        self._now = now

    def issue(self, tenant_id: str, label: str, expires_at: datetime | None = None) -> tuple[str, ApiToken]:
        """A new token for the tenant, and what is kept of it. The token cannot be read again."""
        token = PREFIX + token_urlsafe(_TOKEN_BYTES)
        item = self._model(
            _hash(token),
            tenant_id=tenant_id,
            token_id=token_hex(_ID_BYTES),
            label=label,
            created_at=self._now(),
            expires_at=expires_at,
        )
        with storage():
            item.save()
        return token, _value(item)

    def tenant_of(self, token: str) -> str | None:
        """The tenant that the token stands for; ``None`` where it is unknown, revoked or expired.

        DynamoDB deletes an expired item up to some days late, so the time is looked at here
        (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html).
        """
        if not token.startswith(PREFIX):
            return None
        with storage():
            try:
                item = self._model.get(_hash(token), consistent_read=True)
            except self._model.DoesNotExist:
                return None
        return None if _expired(item, self._now()) else item.tenant_id

    def revoke(self, tenant_id: str, token_id: str) -> bool:
        """End a token; whether the tenant had it."""
        with storage():
            found = list(self._model.by_tenant.query(tenant_id, self._model.token_id == token_id))
            for item in found:
                self._model(item.token_hash).delete()
        return bool(found)

    def list(self, tenant_id: str) -> list[ApiToken]:
        """The tenant's tokens that have not expired, oldest first. The index may lag behind by some milliseconds."""
        now = self._now()
        with storage():
            items = [item for item in self._model.by_tenant.query(tenant_id) if not _expired(item, now)]
        return [_value(item) for item in sorted(items, key=lambda item: item.created_at)]


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _expired(item: TokenItem, now: datetime) -> bool:
    return item.expires_at is not None and item.expires_at <= now


def _value(item: TokenItem) -> ApiToken:
    return ApiToken(item.tenant_id, item.token_id, item.label, item.created_at, item.expires_at)
