"""The TenantLLM table: one item a tenant's model, under its address."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import sleep

from pynamodb.attributes import Attribute, BooleanAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DeleteError, UpdateError
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.repositories.tables import REFUSED, attempts, bound, storage
from tenant_llm.settings import Settings

# What a write hears that meets a transaction in its item; the SDK does not try it again.
_CONFLICT = "TransactionConflictException"
_ATTEMPTS = 8


class _ByFactory(GlobalSecondaryIndex["TenantLLM"]):
    """All tenants' models of one factory, without their counters."""

    class Meta:
        index_name = "by_factory"
        projection = IncludeProjection(["llm_name", "model_type", "api_base", "max_tokens", "is_tools", "status"])

    llm_factory = UnicodeAttribute(hash_key=True)
    tenant_id = UnicodeAttribute(range_key=True)


class _ByName(GlobalSecondaryIndex["TenantLLM"]):
    """All tenants' models of one name, by type."""

    class Meta:
        index_name = "by_name"
        projection = KeysOnlyProjection()

    llm_name = UnicodeAttribute(hash_key=True)
    model_type = UnicodeAttribute(range_key=True)


class TenantLLM(Model):
    """An item of the table. ``template.yaml`` declares the table and its indexes."""

    tenant_id = UnicodeAttribute(hash_key=True)
    model = UnicodeAttribute(range_key=True)
    llm_factory = UnicodeAttribute()
    llm_name = UnicodeAttribute()
    model_type = UnicodeAttribute()
    api_base = UnicodeAttribute(null=True)
    max_tokens = NumberAttribute(null=True)
    is_tools = BooleanAttribute(null=True)
    used_tokens = NumberAttribute(default=0)
    status = UnicodeAttribute(default="1")
    created_at = UTCDateTimeAttribute(null=True)
    updated_at = UTCDateTimeAttribute(null=True)

    by_factory = _ByFactory()
    by_name = _ByName()


class TenantLLMRepository:
    """Reads and writes the tenants' models. ``used_tokens`` grows only in ``UsageRepository.settle``.

    Reads of a tenant's own models are consistent: what an operator has just written is seen. Reads by index, across
    tenants, lag behind by some milliseconds, as global indexes do.

    Every method raises ``ServiceUnavailable`` when DynamoDB refuses.
    """

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = sleep) -> None:
        self._model = bound(TenantLLM, settings.tenant_llm_table)
        self._sleep = sleep

    def find(self, tenant_id: str, address: str) -> TenantModel | None:
        """The model at exactly that address: one item read."""
        with storage():
            try:
                return _value(self._model.get(tenant_id, address, consistent_read=True))
            except self._model.DoesNotExist:
                return None

    def named(self, tenant_id: str, llm_name: str) -> list[TenantModel]:
        """The tenant's models of that name, under whatever factory, by address.

        A longer name that begins with this one and an ``@`` is not of this name, so the stored name decides.
        """
        with storage():
            items = self._model.query(
                tenant_id,
                self._model.model.startswith(f"{llm_name}@"),
                filter_condition=self._model.llm_name == llm_name,
                consistent_read=True,
            )
            return [_value(item) for item in items]

    def of_factory(self, factory: str) -> Iterator[TenantModel]:
        """All tenants' models of a factory, by tenant, read page by page. Their ``used_tokens`` is not read."""
        with storage():
            for item in self._model.by_factory.query(factory):
                yield _value(item)

    def types_of(self, llm_name: str) -> list[ModelType]:
        """The types that any tenant's model of that name has, in the order of their names.

        Reads one index item a type and one query more, however many tenants have the model.
        """
        types: list[ModelType] = []
        with storage():
            while True:
                beyond = self._model.model_type > types[-1].value if types else None
                item = next(iter(self._model.by_name.query(llm_name, beyond, limit=1)), None)
                if item is None:
                    return types
                types.append(ModelType(item.model_type))

    def put(self, model: TenantModel) -> TenantModel:
        """Write a model, new or instead of the one at its address, whose ``used_tokens`` stays.

        Returns:
            The model as it is stored now.
        """
        item = self._model(model.tenant_id, model.address)
        self._write(lambda: item.update(_changes(self._model, model, datetime.now(UTC))))
        return _value(item)

    def delete(self, tenant_id: str, address: str) -> bool:
        """Remove a model; whether there was one."""
        return self._write(lambda: self._model(tenant_id, address).delete(self._model.tenant_id.exists()))

    def list(self, tenant_id: str) -> list[TenantModel]:
        """All models of the tenant, by address."""
        with storage():
            return [_value(item) for item in self._model.query(tenant_id, consistent_read=True)]

    def _write(self, write: Callable[[], object]) -> bool:
        """Whether the write's condition held. One that meets a call's settlement in the row is tried again."""
        with storage():
            for _ in attempts(_ATTEMPTS, self._sleep):
                try:
                    write()
                except (UpdateError, DeleteError) as error:
                    if error.cause_response_code == REFUSED:
                        return False
                    if error.cause_response_code != _CONFLICT:
                        raise
                else:
                    return True
        raise ServiceUnavailable(f"storage refuses: {_ATTEMPTS} writes met a settlement")


def _changes(row: type[TenantLLM], model: TenantModel, now: datetime) -> list[Action]:
    return [
        row.llm_factory.set(model.llm_factory),
        row.llm_name.set(model.llm_name),
        row.model_type.set(model.model_type.value),
        row.status.set(model.status),
        row.updated_at.set(now),
        _set(row.api_base, model.api_base),
        _set(row.max_tokens, model.max_tokens),
        _set(row.is_tools, model.is_tools),
        row.created_at.set(row.created_at | now),
        row.used_tokens.set(row.used_tokens | model.used_tokens),
    ]


def _set[T](attribute: Attribute[T], value: T | None) -> Action:
    return attribute.remove() if value is None else attribute.set(value)


def _value(item: TenantLLM) -> TenantModel:
    return TenantModel(
        tenant_id=item.tenant_id,
        llm_name=item.llm_name,
        llm_factory=item.llm_factory,
        model_type=ModelType(item.model_type),
        api_base=item.api_base,
        max_tokens=None if item.max_tokens is None else int(item.max_tokens),
        is_tools=item.is_tools,
        used_tokens=int(item.used_tokens),
        status=item.status,
    )
