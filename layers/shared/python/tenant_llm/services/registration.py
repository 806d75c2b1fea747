"""What a model, a key or a tenant must look like before any of it is written."""

import re
from collections.abc import Mapping, Sequence
from json import loads

from tenant_llm.catalogue.load import is_factory, provider
from tenant_llm.catalogue.schema import Provider
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.names import parse_model_name
from tenant_llm.domain.target import LANGFUSE
from tenant_llm.domain.wire import Json

_TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST_NAME = 256
# DynamoDB takes 1024 bytes of sort key, and the day's item holds "day#YYYY-MM-DD#" before the address:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_LONGEST_ADDRESS_BYTES = 1000
# A tenant's keys share one secret of at most 65,536 bytes:
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
_LONGEST_KEY = 8192
# Not a provider, but its keys are kept like one's.
_LANGFUSE = Provider(
    name=LANGFUSE,
    base_url=None,
    dialects={},
    docs="https://langfuse.com/docs/observability/sdk/overview",
    checked="2026-11-23",
    credential=("public_key", "secret_key"),
    optional_credential=("host",),
)


def check_budget(budget: Budget, before: Sequence[Budget], param: str) -> None:
    """A budget has one counter a period, so that there is one of a model and period at most.

    Raises:
        InvalidRequest: When it limits nothing, its soft limit is never reached, or it is among those ``before`` it.
    """
    if budget.hard is None and budget.soft is None:
        raise InvalidRequest(f"{param} limits nothing: hard or soft is required", param=param)
    if budget.hard is not None and budget.soft is not None and budget.soft > budget.hard:
        raise InvalidRequest(f"{param}.soft is {budget.soft}: more than hard, {budget.hard}", param=f"{param}.soft")
    if any((one.model, one.period) == (budget.model, budget.period) for one in before):
        raise InvalidRequest(f"{param} is a second one of {budget}", param=param)
    if budget.model is not None and len(budget.model.encode()) > _LONGEST_ADDRESS_BYTES:
        raise InvalidRequest(
            f"{param}.model has {len(budget.model.encode())} bytes: no address has more than {_LONGEST_ADDRESS_BYTES}",
            param=f"{param}.model",
        )


def check_tenant_id(tenant_id: str) -> None:
    """The id becomes a part of table keys and of a secret's name.

    Raises:
        InvalidRequest: When it is not 1 to 64 letters, digits, ``_`` or ``-``, beginning with a letter or digit.
    """
    if not _TENANT_ID.fullmatch(tenant_id):
        raise InvalidRequest(
            f"tenant_id is {tenant_id!r}: not 1 to 64 letters, digits, '_' or '-', the first a letter or digit",
            param="tenant_id",
        )


def check_text(text: str, param: str) -> None:
    """A name that people read.

    Raises:
        InvalidRequest: When it is not 1 to 256 printable characters without spaces around them.
    """
    if not 0 < len(text) <= _LONGEST_NAME or not text.isprintable() or text != text.strip():
        shown = text[:_LONGEST_NAME]
        raise InvalidRequest(
            f"{param} is {shown!r}: not 1 to {_LONGEST_NAME} printable characters without spaces around them",
            param=param,
        )


def check_llm_name(llm_name: str, factory: str) -> None:
    """The name becomes a part of table keys.

    Raises:
        InvalidRequest: When it is not 1 to 256 printable characters, or too long as a key.
    """
    check_text(llm_name, "llm_name")
    size = len(f"{llm_name}@{factory}".encode())
    if size > _LONGEST_ADDRESS_BYTES:
        raise InvalidRequest(
            f"llm_name is {llm_name!r}: its address has {size} bytes, more than {_LONGEST_ADDRESS_BYTES}",
            param="llm_name",
        )


def known_provider(factory: str, param: str) -> Provider:
    """The factory's catalogue row.

    Raises:
        InvalidRequest: When the catalogue has none of that name.
    """
    row = provider(factory)
    if row is None:
        raise InvalidRequest(f"{param} is {factory!r}: not a factory of the catalogue", param=param)
    return row


def check_offer(row: Provider, model_type: ModelType) -> None:
    """Whether the factory has models of that type.

    Raises:
        UnsupportedModelType: When it has not; the message gives the row's reason.
    """
    if model_type not in row.dialects:
        reason = row.refused.get(model_type, f"it offers no {model_type.value} models")
        raise UnsupportedModelType(
            f"factory {row.name!r} cannot serve {model_type.value!r}: {reason}", param="model_type"
        )


def needs_base_url(row: Provider, model_type: ModelType) -> bool:
    """Whether a model of that factory must bring its own base URL: the row has none, or its endpoint is gone."""
    return row.status == "retired" or not (row.base_urls.get(model_type) or row.base_url)


def place_provider(place: str) -> Provider:
    """The row behind a key's place: a factory's, or that of one model's address, or the one for Langfuse's keys.

    Raises:
        InvalidRequest: When no factory of the catalogue is named, or the model's name cannot be one.
    """
    if place == LANGFUSE:
        return _LANGFUSE
    if is_factory(place):
        return known_provider(place, "place")
    name = parse_model_name(place, is_factory=is_factory)
    row = known_provider(name.factory or place, "place")
    check_llm_name(name.llm_name, row.name)
    return row


def check_fallback(address: str, asked: Sequence[str], model_type: ModelType, param: str) -> None:
    """Refuse a fallback that is asked already, or whose vectors cannot be compared with those of the default.

    Args:
        address: the fallback.
        asked: what is asked before it: the default, and its other fallbacks.
        model_type: of the default.
        param: where it was said.

    Raises:
        InvalidRequest: When it is refused.
    """
    if address in asked:
        raise InvalidRequest(f"{param} is {address!r}: that is asked already", param=param)
    if model_type is ModelType.EMBEDDING and _base_name(address) != _base_name(asked[0]):
        raise InvalidRequest(
            f"{param} is {address!r}: its vectors cannot be compared with those of {asked[0]!r}; name the same model "
            "of another factory",
            param=param,
        )


def _base_name(address: str) -> str:
    """A model's name alone: ``BAAI/bge-m3@Xinference`` and ``bge-m3:latest@Ollama`` have the same."""
    return address.rpartition("@")[0].rpartition("/")[2].partition(":")[0].casefold()


def credential_fields(row: Provider, api_key: str | Mapping[str, str]) -> dict[str, str]:
    """The key as the named fields of the factory's credential, without spaces around the values.

    A plain string is the field ``api_key`` where the factory takes one, else the one field that it requires, or, where
    it requires none, the first that it takes. A string that is a JSON object is a key of several fields as the original
    stored it: what is empty or ``null`` in it is not there, and fields that this factory does not take are left out.

    Raises:
        InvalidRequest: When a field is missing, unknown, empty or too long, or a string begins like a JSON object and
            is none; the message names the field, never its value.
    """
    if isinstance(api_key, str):
        api_key = _of_text(row, api_key)
    fields = {name: value.strip() for name, value in api_key.items()}
    known = row.credential_fields
    for name, value in fields.items():
        if name not in known:
            raise InvalidRequest(
                f"api_key has a field {name!r} that factory {row.name!r} does not take: {_listed(row)}",
                param=f"api_key.{name}",
            )
        if not 0 < len(value) <= _LONGEST_KEY:
            raise InvalidRequest(
                f"api_key field {name!r} has {len(value)} characters: not 1 to {_LONGEST_KEY}", param=f"api_key.{name}"
            )
    _check_complete(row, fields)
    return fields


def _of_text(row: Provider, text: str) -> Mapping[str, str]:
    """The fields that a string stands for; see ``credential_fields``."""
    if not text.lstrip().startswith("{"):
        return {_only_field(row): text}
    found = _object(text)
    if found is None:
        raise InvalidRequest("api_key begins like a JSON object and is none", param="api_key")
    fields = {name: found[name] for name in row.credential_fields if found.get(name) is not None}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise InvalidRequest(f"api_key.{name} is a {type(value).__name__}: not a string", param=f"api_key.{name}")
    return {name: value for name, value in fields.items() if value.strip()}


def _object(text: str) -> Mapping[str, Json] | None:
    """The JSON object in a text. What went wrong is not told: a decoder's exception holds the text, which is a key."""
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _check_complete(row: Provider, fields: Mapping[str, str]) -> None:
    """Whether every required field is there, and one of the sets to choose from."""
    for name in row.credential:
        if name not in fields:
            raise InvalidRequest(
                f"api_key has no field {name!r}, which factory {row.name!r} needs", param=f"api_key.{name}"
            )
    choices = row.credential_choices
    if not choices or any(fields.keys() >= set(choice) for choice in choices):
        return
    for choice in choices:
        there = [name for name in choice if name in fields]
        if there:
            absent = next(name for name in choice if name not in fields)
            raise InvalidRequest(
                f"api_key has no field {absent!r}, which factory {row.name!r} needs beside {there[0]!r}",
                param=f"api_key.{absent}",
            )
    raise InvalidRequest(f"api_key has not the fields that factory {row.name!r} needs: {_listed(row)}", param="api_key")


def _only_field(row: Provider) -> str:
    """The field that a plain string means."""
    if "api_key" in row.credential_fields:
        return "api_key"
    alone = [choice[0] for choice in row.credential_choices if len(choice) == 1]
    fields = row.credential or tuple(alone[:1]) or row.optional_credential[:1]
    if len(fields) != 1:
        raise InvalidRequest(
            f"api_key is a string, and factory {row.name!r} takes named fields: {_listed(row)}", param="api_key"
        )
    return fields[0]


def _listed(row: Provider) -> str:
    choices = " or ".join(" and ".join(choice) for choice in row.credential_choices)
    required = ", ".join([*row.credential, *([choices] if choices else [])]) or "none required"
    return f"{required}; optional: {', '.join(row.optional_credential) or 'none'}"
