"""Addresses of models: ``llm_name@llm_factory``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's address; ``factory`` is ``None`` where the caller gave a bare name."""

    llm_name: str
    factory: str | None = None

    @override
    def __str__(self) -> str:
        return self.llm_name if self.factory is None else f"{self.llm_name}@{self.factory}"


def parse_model_name(text: str, *, is_factory: Callable[[str], bool]) -> ModelName:
    """Split an address at its last ``@``.

    One ``@`` splits only where the right part is a known factory, since model names may hold an ``@`` themselves;
    with two or more the last part is the factory, known or not. Stored addresses depend on this rule.
    """
    llm_name, at, factory = text.rpartition("@")
    if not at or ("@" not in llm_name and not is_factory(factory)):
        return ModelName(text)
    return ModelName(llm_name, factory)
