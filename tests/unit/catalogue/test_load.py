from typing import Any

import pytest

from tenant_llm.catalogue import load
from tenant_llm.catalogue.schema import Provider
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks


def _decoded(**changes: Any) -> Provider:
    row = {"name": "X", "docs": "https://x.example", "checked": "2026-11-23", "dialects": {"chat": "openai"}}
    return load.decode(row | changes, "x.toml")


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("OpenAI", "openai"),
        ("302.AI", "302_ai"),
        ("Tongyi-Qianwen", "tongyi_qianwen"),
        ("New API", "new_api"),
        ("..", ""),
    ],
)
def test_a_slug_has_small_letters_digits_and_single_lines(factory: str, expected: str) -> None:
    assert load.slug(factory) == expected


@pytest.mark.parametrize("name", ["", "..", "openai", "OpenAI ", "Open-AI", "x" * 5000, "../providers/openai", "\x00"])
def test_a_name_that_is_no_factory_is_none(name: str) -> None:
    assert load.provider(name) is None
    assert not load.is_factory(name)


def test_rows_come_by_rank_and_then_by_name() -> None:
    ranked = [(-row.rank, row.name) for row in load.providers()]

    assert ranked == sorted(ranked)


def test_a_row_is_read_once() -> None:
    assert load.provider("OpenAI") is load.provider("OpenAI")
    assert load.provider("OpenAI") in load.providers()


def test_a_model_may_be_called_otherwise_on_the_wire() -> None:
    row = _decoded(models=[{"name": "A-Max", "types": ["chat"], "wire": "a3.5"}, {"name": "a", "types": ["chat"]}])

    assert [model.wire_name for model in row.models] == ["a3.5", "a"]


def test_a_rows_profile_is_for_the_names_and_types_it_says() -> None:
    row = _decoded(profile=[{"pattern": "a-[0-9]+$", "types": ["chat"], "quirks": {"drop": ["stop"]}}])

    assert row.profile("a-7", ModelType.CHAT) == Quirks(drop=("stop",))
    assert row.profile("a-7", ModelType.TTS) == Quirks()
    assert row.profile("a-7-mini", ModelType.CHAT) == Quirks()
    assert row.profile("b-a-7", ModelType.CHAT) == Quirks()
