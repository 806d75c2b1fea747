"""The Tenant table: one item a tenant, with its defaults and where it has keys."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from tenant_llm.domain.budget import Budget, Period
from tenant_llm.domain.errors import Conflict, TenantNotFound
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import DEFAULT_FIELDS, Tenant
from tenant_llm.domain.trace import Content
from tenant_llm.repositories.tables import REFUSED, bound, storage
from tenant_llm.settings import Settings


class BudgetMap(MapAttribute[str, Any]):
    """A budget of a tenant."""

    period = UnicodeAttribute()
    model = UnicodeAttribute(null=True)
    hard = NumberAttribute(null=True)
    soft = NumberAttribute(null=True)


class TenantItem(Model):
    """An item of the table. ``template.yaml`` declares the table."""

    tenant_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(default="")
    llm_id = UnicodeAttribute(null=True)
    embd_id = UnicodeAttribute(null=True)
    asr_id = UnicodeAttribute(null=True)
    img2txt_id = UnicodeAttribute(null=True)
    rerank_id = UnicodeAttribute(null=True)
    tts_id = UnicodeAttribute(null=True)
    credentials = MapAttribute[str, str](default=dict)  # type: ignore[no-untyped-call]
    budgets = ListAttribute(of=BudgetMap, default=list)
    fallbacks = MapAttribute[str, list[str]](default=dict)  # type: ignore[no-untyped-call]
    tracing = UnicodeAttribute(null=True)
    version = NumberAttribute(default=0)
    created_at = UTCDateTimeAttribute(null=True)


class TenantRepository:
    """Reads and writes tenants. Every method raises ``ServiceUnavailable`` when DynamoDB refuses."""

    def __init__(self, settings: Settings) -> None:
        self._model = bound(TenantItem, settings.tenant_table)

    def find(self, tenant_id: str) -> Tenant | None:
        """The tenant, read consistently."""
        with storage():
            try:
                return _value(self._model.get(tenant_id, consistent_read=True))
            except self._model.DoesNotExist:
                return None

    def create(self, tenant: Tenant) -> None:
        """Store a new tenant with its name and defaults; it has no keys yet.

        Raises:
            Conflict: When there is a tenant of that id.
        """
        item = self._model(tenant.tenant_id, name=tenant.name, created_at=datetime.now(UTC))
        for model_type, address in tenant.defaults.items():
            setattr(item, DEFAULT_FIELDS[model_type], address)
        with storage():
            try:
                item.save(self._model.tenant_id.does_not_exist())
            except PutError as error:
                if error.cause_response_code != REFUSED:
                    raise
                raise Conflict(f"there is a tenant {tenant.tenant_id!r} already", param="tenant_id") from error

    def set_defaults(
        self,
        tenant_id: str,
        defaults: Mapping[ModelType, str | None],
        fallbacks: Mapping[ModelType, Sequence[str]] | None = None,
    ) -> None:
        """Set the default models of those types; ``None`` takes a default away, types not given stay.

        The fallbacks, if any are given, are all that the tenant has from now on.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        actions: list[Action] = []
        for model_type, address in defaults.items():
            attribute = getattr(self._model, DEFAULT_FIELDS[model_type])
            actions.append(attribute.remove() if address is None else attribute.set(address))
        if fallbacks is not None:
            stored = {DEFAULT_FIELDS[model_type]: [*addresses] for model_type, addresses in fallbacks.items()}
            actions.append(self._model.fallbacks.set(stored))
        if actions and not self._update(tenant_id, actions, self._model.tenant_id.exists()):
            raise TenantNotFound("Tenant not found", param="tenant_id")

    def set_budgets(self, tenant_id: str, budgets: Sequence[Budget]) -> None:
        """Give the tenant these budgets and no others.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        maps = [_stored(budget) for budget in budgets]
        if not self._update(tenant_id, [self._model.budgets.set(maps)], self._model.tenant_id.exists()):
            raise TenantNotFound("Tenant not found", param="tenant_id")

    def set_tracing(self, tenant_id: str, content: Content) -> None:
        """Say what of inputs and outputs the tenant's Langfuse is told.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        if not self._update(tenant_id, [self._model.tracing.set(content)], self._model.tenant_id.exists()):
            raise TenantNotFound("Tenant not found", param="tenant_id")

    def replace_credentials(self, tenant: Tenant, credentials: Mapping[str, str]) -> bool:
        """Say where the tenant has keys, from now on, if nobody has since this ``tenant`` was read.

        Returns:
            Whether it was stored; ``False`` where the tenant's version is another one by now, or the tenant is gone.
        """
        row = self._model
        actions: list[Action] = [row.credentials.set(dict(credentials)), row.version.set(tenant.version + 1)]
        return self._update(tenant.tenant_id, actions, row.version == tenant.version)

    def delete(self, tenant_id: str) -> None:
        """Remove the tenant; that there is none is as good."""
        with storage():
            self._model(tenant_id).delete()

    def _update(self, tenant_id: str, actions: list[Action], condition: Any) -> bool:
        with storage():
            try:
                self._model(tenant_id).update(actions, condition)
            except UpdateError as error:
                if error.cause_response_code != REFUSED:
                    raise
                return False
        return True

    def list(self) -> Iterator[Tenant]:
        """All tenants, in no order, read page by page: a scan, for operators."""
        with storage():
            for item in self._model.scan(consistent_read=True):
                yield _value(item)


def _value(item: TenantItem) -> Tenant:
    defaults = {model_type: getattr(item, name) for model_type, name in DEFAULT_FIELDS.items()}
    return Tenant(
        tenant_id=item.tenant_id,
        name=item.name,
        defaults={model_type: address for model_type, address in defaults.items() if address is not None},
        credentials=dict(item.credentials.attribute_values),
        version=int(item.version),
        budgets=tuple(
            Budget(cast("Period", one.period), _tokens(one.hard), _tokens(one.soft), one.model)
            for one in item.budgets or ()
        ),
        fallbacks={
            model_type: tuple(item.fallbacks.attribute_values[name])
            for model_type, name in DEFAULT_FIELDS.items()
            if name in item.fallbacks.attribute_values
        },
        tracing=cast("Content", item.tracing or "full"),
    )


def _stored(budget: Budget) -> BudgetMap:
    values: dict[str, Any] = {
        "period": budget.period,
        "model": budget.model,
        "hard": budget.hard,
        "soft": budget.soft,
    }
    return BudgetMap(**values)  # type: ignore[no-untyped-call]


def _tokens(limit: float | None) -> int | None:
    return None if limit is None else int(limit)
