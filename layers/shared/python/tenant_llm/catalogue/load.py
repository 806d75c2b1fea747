"""Reading rows: one file on demand, by the factory's name."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path

from tenant_llm.catalogue.schema import CatalogueModel, Profile, Provider
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.wire import Json, JsonObject

_FOLDER = Path(__file__).parent / "providers"
_QUIRKS = frozenset(field.name for field in fields(Quirks))
_BY_TYPE = ("dialects", "base_urls", "refused")
_LISTS = ("credential", "optional_credential")
_SETS = ("credential_choices",)
_DECODED = ("common_quirks", "type_quirks", "profiles")
_MODEL = {"name", "types", "max_tokens", "tools", "wire"}


def slug(factory: str) -> str:
    """The file's name for a factory: ``302.AI`` → ``302_ai``."""
    return re.sub(r"[^a-z0-9]+", "_", factory.lower()).strip("_")


def provider(factory: str) -> Provider | None:
    """The factory's row, its name taken letter for letter; ``None`` where there is none.

    Raises:
        ValueError: When the row is malformed; the message names the file and the key.
    """
    path = _files().get(slug(factory))
    row = _read(path) if path is not None else None
    return row if row is not None and row.name == factory else None


@cache
def providers() -> tuple[Provider, ...]:
    """Every row, highest rank first, then by name."""
    return tuple(sorted(map(_read, _files().values()), key=lambda row: (-row.rank, row.name)))


@cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in _FOLDER.glob("*.toml")}


@cache  # by file and not by name: the names that callers make up would take room
def _read(path: Path) -> Provider:
    return decode(tomllib.loads(path.read_text(encoding="utf-8")), path.name)


def is_factory(name: str) -> bool:
    """Whether the catalogue has a row of exactly that name."""
    return provider(name) is not None


def decode(row: JsonObject, source: str) -> Provider:
    """A row as TOML gave it, as a ``Provider``.

    Raises:
        ValueError: When a key, a quirk or a type is unknown.
    """
    unknown = row.keys() - {*_provider_fields(), "quirks", "profile"}
    if unknown:
        raise ValueError(f"{source}: unknown keys {sorted(unknown)}")
    quirks = row.get("quirks", {})
    types = [name for name in quirks if name in set(ModelType)]
    values: dict[str, Json] = {name: value for name, value in row.items() if name not in ("quirks", "profile")}
    values |= {name: _by_type(row[name], source) for name in _BY_TYPE if name in row}
    values |= {name: tuple(row[name]) for name in _LISTS if name in row}
    values |= {name: tuple(map(tuple, row[name])) for name in _SETS if name in row}
    return Provider(
        **{
            "base_url": None,
            **values,
            "checked": str(row["checked"]),
            "models": tuple(_model(model, source) for model in row.get("models", ())),
            "common_quirks": decode_quirks({name: quirks[name] for name in quirks if name not in types}, source),
            "type_quirks": {ModelType(name): decode_quirks(quirks[name], source) for name in types},
            "profiles": tuple(decode_profile(profile, source) for profile in row.get("profile", ())),
        }
    )


def _provider_fields() -> list[str]:
    return [field.name for field in fields(Provider) if field.name not in _DECODED]


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


def decode_profile(row: JsonObject, source: str) -> Profile:
    """What follows a model's name; an unknown key, type or quirk is a ``ValueError`` that names it and ``source``."""
    if row.keys() != {"pattern", "types", "quirks"}:
        raise ValueError(f"{source}: a profile has the keys {sorted(row)}, not pattern, types, quirks")
    return Profile(
        re.compile(row["pattern"]),
        frozenset(_by_type(dict.fromkeys(row["types"]), source)),
        decode_quirks(row["quirks"], source),
    )


def _model(model: JsonObject, source: str) -> CatalogueModel:
    unknown = model.keys() - _MODEL
    if unknown:
        raise ValueError(f"{source}: model {model.get('name')!r}: unknown keys {sorted(unknown)}")
    try:
        types = tuple(ModelType(name) for name in model["types"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{source}: model {model.get('name')!r}: {error}") from error
    return CatalogueModel(**{**model, "types": types})
