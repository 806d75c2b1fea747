"""Facts that follow the model's name and not the provider."""

import re
import tomllib
from functools import cache
from pathlib import Path

from tenant_llm.catalogue.load import decode_quirks
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks

_FILE = Path(__file__).parent / "profiles.toml"


@cache
def _profiles() -> tuple[tuple[re.Pattern[str], frozenset[str], Quirks], ...]:
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["profile"]
    return tuple(
        (re.compile(row["pattern"]), frozenset(row["types"]), decode_quirks(row["quirks"], _FILE.name)) for row in rows
    )


def profile(wire_name: str, model_type: ModelType) -> Quirks:
    """The quirks of every profile whose pattern the name begins with."""
    quirks = Quirks()
    for pattern, types, found in _profiles():
        if model_type in types and pattern.match(wire_name):
            quirks = quirks.merge(found)
    return quirks
