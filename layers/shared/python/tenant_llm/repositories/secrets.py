"""The tenants' keys: found quickly, written so that none is lost.

A *place* is where a key applies: a factory (``OpenAI``) or one model's address (``gpt-4@OpenAI``). A tenant's secret
maps places to keys, and the tenant's item says, with masked tails, at which places there are keys: its *claims*.
Two stores cannot change at once, so they change in an order. Whatever crashes and whoever writes at the same time,
no key is lost, and no claim is made for a key that is not there:

* The secret changes by compare-and-swap (``SecretVersions.swap``), the claims by a condition on the tenant's version.
  Whoever is refused starts again from his reads.
* ``put`` reads the tenant, reads and swaps the secret, then claims, if the tenant's version is still the one read.
* ``remove`` reads the secret, takes the claim back, which makes a new tenant version, then swaps the secret.
* So a crash leaves the old state, the new one, or a key that works and is not claimed; the same ``put`` or ``remove``
  again mends that. A claim cannot outlive its key: a ``put`` claims only where no ``remove`` took claims back since
  before the key was written, and a ``remove`` that did so earlier swaps from a version that the key has replaced.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json import dumps, loads
from threading import Lock
from time import monotonic, sleep

from cachetools import TTLCache

from tenant_llm.domain.errors import Conflict, CredentialMissing, TenantNotFound
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import Json
from tenant_llm.repositories.secret_versions import SecretVersions
from tenant_llm.repositories.tables import attempts
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.settings import Settings

_CACHED_TENANTS = 1024
_ABSENT_SECONDS = 15.0  # how long a key that was not there is not looked for again
_ATTEMPTS = 12
_MASK = "****"
_TAIL = 4
_LONG_ENOUGH = 12  # a shorter key would show too much of itself


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a tenant: credentials by place (``None``: one that cannot be read), and since when."""

    credentials: Mapping[str, Credential | None] = field(repr=False)
    read_at: float


class SecretStore:
    """Finds, writes and removes the tenants' keys.

    Keys are remembered for ``settings.secret_ttl`` seconds, and that there is none at a place for 15 seconds at most.
    ``clock`` and ``sleep`` are seams for tests. Every method raises ``ServiceUnavailable`` when AWS refuses.
    """

    def __init__(
        self,
        settings: Settings,
        tenants: TenantRepository,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._secrets = SecretVersions(settings.secret_prefix)
        self._tenants = tenants
        self._clock = clock
        self._sleep = sleep
        self._known: TTLCache[str, _Known] = TTLCache(_CACHED_TENANTS, settings.secret_ttl, timer=clock)
        self._lock = Lock()

    def find(self, tenant_id: str, llm_name: str, factory: str) -> Credential | None:
        """The model's own credential, else its factory's, else ``None``.

        Raises:
            CredentialMissing: When one is stored that cannot be read.
        """
        return self._at(tenant_id, f"{llm_name}@{factory}", factory)

    def at(self, tenant_id: str, place: str) -> Credential | None:
        """The credential stored at exactly that place.

        Raises:
            CredentialMissing: When one is stored that cannot be read.
        """
        return self._at(tenant_id, place)

    def forget(self, tenant_id: str) -> None:
        """Read the tenant's keys again next time."""
        with self._lock:
            self._known.pop(tenant_id, None)

    def put(self, tenant_id: str, place: str, fields: Mapping[str, str]) -> None:
        """Store a key at a place, instead of the one there.

        Raises:
            TenantNotFound: When there is no such tenant.
            InvalidRequest: When the tenant's keys together are larger than a secret.
            CredentialMissing: When the tenant's secret cannot be read, so that adding to it would lose what it holds.
            Conflict: When others kept changing the tenant's keys. The key may be there unclaimed; put it again.
        """
        self._repeat(tenant_id, lambda: self._try_put(tenant_id, place, fields))

    def remove(self, tenant_id: str, place: str) -> None:
        """Forget the key at a place; that there is none is as good.

        With the last key the secret goes: it is scheduled for deletion within days, and a ``put`` restores it.
        Secrets Manager keeps the version before the current one, labelled ``AWSPREVIOUS``, until the next change.

        Raises:
            CredentialMissing: When the tenant's secret cannot be read.
            Conflict: When others kept changing the tenant's keys. The key may be there unclaimed; remove it again.
        """
        self._repeat(tenant_id, lambda: self._try_remove(tenant_id, place))

    def delete(self, tenant_id: str) -> None:
        """Forget all keys of a tenant that goes, beyond recovery; that there are none is as good.

        Raises:
            Conflict: When others kept changing the tenant's keys.
        """
        self._repeat(tenant_id, lambda: self._try_delete(tenant_id))

    def _at(self, tenant_id: str, *places: str) -> Credential | None:
        credentials = self._credentials(tenant_id, places)
        for place in places:
            if place in credentials:
                if (credential := credentials[place]) is None:
                    raise CredentialMissing(
                        f"the key of tenant {tenant_id!r} at {place!r} is neither a plain key nor an object",
                        code="credential_malformed",
                    )
                return credential
        return None

    def _credentials(self, tenant_id: str, places: tuple[str, ...]) -> Mapping[str, Credential | None]:
        with self._lock:
            known = self._known.get(tenant_id)
        now = self._clock()
        if known is not None:
            there = any(place in known.credentials for place in places)
            if there or now - known.read_at < _ABSENT_SECONDS:
                return known.credentials
        secret = self._secrets.read(tenant_id)
        known = _Known({place: _decoded(value) for place, value in secret.places.items()}, now)
        with self._lock:
            self._known[tenant_id] = known
        return known.credentials

    def _repeat(self, tenant_id: str, attempt: Callable[[], bool]) -> None:
        try:
            for _ in attempts(_ATTEMPTS, self._sleep):
                if attempt():
                    return
            raise Conflict(f"others are changing the keys of tenant {tenant_id!r}", param="tenant_id")
        finally:
            self.forget(tenant_id)

    def _try_put(self, tenant_id: str, place: str, fields: Mapping[str, str]) -> bool:
        tenant = self._tenants.find(tenant_id)
        if tenant is None:
            raise TenantNotFound("Tenant not found", param="tenant_id")
        secret = self._secrets.read(tenant_id, restore=True)
        # A new version even where the map stays the same: it makes every removal under way start again.
        if self._secrets.swap(tenant_id, secret, {**secret.places, place: dict(fields)}) is None:
            return False
        if self._tenants.replace_credentials(tenant, {**tenant.credentials, place: _masked(fields)}):
            return True
        if self._tenants.find(tenant_id) is None:  # deleted meanwhile: leave nothing behind
            self._secrets.destroy(tenant_id)
        return False

    def _try_remove(self, tenant_id: str, place: str) -> bool:
        secret = self._secrets.read(tenant_id)
        if not self._disclaim(tenant_id, place):
            return False
        if secret.version is None:
            return True
        rest = {other: value for other, value in secret.places.items() if other != place}
        if rest and rest == secret.places:
            return True
        version = self._secrets.swap(tenant_id, secret, rest)
        if version is not None and not rest:
            self._secrets.discard(tenant_id, version)
        return version is not None

    def _try_delete(self, tenant_id: str) -> bool:
        if not self._disclaim(tenant_id):
            return False
        self._secrets.destroy(tenant_id)
        return True

    def _disclaim(self, tenant_id: str, place: str | None = None) -> bool:
        """Take back one claim, or all; the tenant's version grows even where there was none. No tenant, no claims."""
        tenant = self._tenants.find(tenant_id)
        if tenant is None:
            return True
        kept = {other: tail for other, tail in tenant.credentials.items() if place is not None and other != place}
        return self._tenants.replace_credentials(tenant, kept)


def _decoded(value: Json) -> Credential | None:
    """A stored key as named fields: an object, an object as JSON text, or a plain key; ``None`` for anything else.

    A text that begins like an object and is none is broken off, and no key.
    """
    if isinstance(value, str):
        value = _object(value) if value.lstrip().startswith("{") else {"api_key": value}
    if not isinstance(value, dict):
        return None
    return Credential({name: _text(field) for name, field in value.items() if field is not None})


def _object(text: str) -> Json:
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value)


def _masked(fields: Mapping[str, str]) -> str:
    """Enough to recognise a key by, for keys long enough to keep their secret."""
    key = fields.get("api_key", "")
    return _MASK + key[-_TAIL:] if len(key) >= _LONG_ENOUGH else _MASK
