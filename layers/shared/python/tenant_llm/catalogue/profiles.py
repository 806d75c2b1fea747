"""Facts that follow the model's name and not the provider."""

import tomllib
from functools import cache
from pathlib import Path

from tenant_llm.catalogue.load import decode_profile
from tenant_llm.catalogue.schema import Profile, fitting
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks

_FILE = Path(__file__).parent / "profiles.toml"


def profile(wire_name: str, model_type: ModelType) -> Quirks:
    """The quirks of every profile whose pattern the name begins with."""
    return fitting(_profiles(), wire_name, model_type)


@cache
def _profiles() -> tuple[Profile, ...]:
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["profile"]
    return tuple(decode_profile(row, _FILE.name) for row in rows)
