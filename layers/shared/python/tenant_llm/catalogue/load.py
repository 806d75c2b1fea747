"""Reading rows: one file on demand, by the factory's name."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path

from tenant_llm.catalogue.schema import CatalogueModel, Provider
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.wire import Json, JsonObject

_FOLDER = Path(__file__).parent / "providers"
_QUIRKS = frozenset(field.name for field in fields(Quirks))
_BY_TYPE = ("dialects", "base_urls", "refused")
_LISTS = ("credential", "optional_credential")


def slug(factory: str) -> str:
    """The file's name for a factory: ``302.AI`` → ``302_ai``."""
    return re.sub(r"[^a-z0-9]+", "_", factory.lower()).strip("_")


@cache
def provider(factory: str) -> Provider | None:
    """The factory's row, its name taken letter for letter; ``None`` where there is none.

    Raises:
        ValueError: When the row is malformed; the message names the file and the key.
    """
    path = _FOLDER / f"{slug(factory)}.toml"
    if not slug(factory) or not path.is_file():
        return None
    row = decode(tomllib.loads(path.read_text(encoding="utf-8")), path.name)
    return row if row.name == factory else None


@cache
def providers() -> tuple[Provider, ...]:
    """Every row, highest rank first, then by name."""
    rows = [decode(tomllib.loads(path.read_text(encoding="utf-8")), path.name) for path in _FOLDER.glob("*.toml")]
    return tuple(sorted(rows, key=lambda row: (-row.rank, row.name)))


def is_factory(name: str) -> bool:
    """Whether the catalogue has a row of exactly that name."""
    return provider(name) is not None


def decode(row: JsonObject, source: str) -> Provider:
    """A row as TOML gave it, as a ``Provider``.

    Raises:
        ValueError: When a key, a quirk or a type is unknown.
    """
    unknown = row.keys() - {*_provider_fields(), "quirks"}
    if unknown:
        raise ValueError(f"{source}: unknown keys {sorted(unknown)}")
    quirks = row.get("quirks", {})
    types = [name for name in quirks if name in set(ModelType)]
    values: dict[str, Json] = {name: value for name, value in row.items() if name != "quirks"}
    values |= {name: _by_type(row[name], source) for name in _BY_TYPE if name in row}
    values |= {name: tuple(row[name]) for name in _LISTS if name in row}
    return Provider(
        **{
            "base_url": None,
            **values,
            "checked": str(row["checked"]),
            "models": tuple(_model(model, source) for model in row.get("models", ())),
            "common_quirks": decode_quirks({name: quirks[name] for name in quirks if name not in types}, source),
            "type_quirks": {ModelType(name): decode_quirks(quirks[name], source) for name in types},
        }
    )


def _provider_fields() -> list[str]:
    return [field.name for field in fields(Provider) if field.name not in ("common_quirks", "type_quirks")]


def _by_type(values: Mapping[str, Json], source: str) -> dict[ModelType, Json]:
    try:
        return {ModelType(name): value for name, value in values.items()}
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def decode_quirks(values: Mapping[str, Json], source: str) -> Quirks:
    """A table of quirks; an unknown key is a ``ValueError`` that names it and ``source``."""
    unknown = values.keys() - _QUIRKS
    if unknown:
        raise ValueError(f"{source}: unknown quirks {sorted(unknown)}")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    clamp = {name: (low, high) for name, (low, high) in values.get("clamp", {}).items()}
    return Quirks(**{**values, **lists, **({"clamp": clamp} if clamp else {})})


def _model(model: JsonObject, source: str) -> CatalogueModel:
    try:
        types = tuple(ModelType(name) for name in model["types"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{source}: model {model.get('name')!r}: {error}") from error
    return CatalogueModel(model["name"], types, model.get("max_tokens"), model.get("tools"))
