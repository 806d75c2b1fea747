from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.services import prices
from tenant_llm.services.prices import cost

_DAY = date(2026, 11, 1)
_NOTHING = DayUsage(_DAY, "m", "F")


@pytest.fixture
def price(monkeypatch: pytest.MonkeyPatch) -> dict[str, Decimal]:
    """The prices of every model, to be filled."""
    price: dict[str, Decimal] = {}
    monkeypatch.setattr(prices, "_price", lambda *_: price)
    return price


def test_a_listed_model_costs_what_its_provider_says() -> None:
    usage = DayUsage(_DAY, "gpt-4", "OpenAI", 1, 1000, 1000)

    assert cost(usage, ModelType.CHAT) == Decimal("0.09")


@pytest.mark.parametrize(
    ("factory", "llm_name"),
    [("OpenAI", "a-model-of-nobody"), ("Ollama", "gpt-4"), ("OpenAI-API-Compatible", "gpt-4"), ("Nobody", "gpt-4")],
)
def test_an_unknown_price_is_none_and_not_zero(factory: str, llm_name: str) -> None:
    assert cost(DayUsage(_DAY, llm_name, factory, 1, 1000), ModelType.CHAT) is None


def test_a_model_is_looked_up_by_its_name_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    from tenant_llm.catalogue.load import provider

    row = provider("OpenAI")
    assert row is not None
    models = (replace(row.models[0], name="ours", wire="gpt-4"),)
    monkeypatch.setattr(prices, "provider", lambda _: replace(row, models=models))
    prices._price.cache_clear()

    found = cost(DayUsage(_DAY, "ours", "OpenAI", 1, 1000), ModelType.CHAT)

    prices._price.cache_clear()
    assert found == Decimal("0.03")


def test_a_price_that_changed_is_that_of_the_day() -> None:
    # This model's list price fell by four fifths in June 2025.
    usage = DayUsage(date(2025, 6, 1), "o3", "OpenAI", 1, 1_000_000)

    assert cost(usage, ModelType.CHAT) == 10
    assert cost(replace(usage, day=date(2025, 7, 1)), ModelType.CHAT) == 2


def test_cached_and_written_input_and_reasoning_have_their_own_prices(price: dict[str, Decimal]) -> None:
    price |= {"input_mtok": Decimal(10), "output_mtok": Decimal(100)}
    price |= {"cache_read_mtok": Decimal(1), "cache_write_mtok": Decimal(12), "output_reasoning_mtok": Decimal(50)}
    usage = replace(
        _NOTHING,
        input_tokens=10_000_000,
        output_tokens=3_000_000,
        cached_tokens=4_000_000,
        cache_write_tokens=1_000_000,
        reasoning_tokens=2_000_000,
    )

    assert cost(usage, ModelType.CHAT) == 5 * 10 + 4 * 1 + 1 * 12 + 1 * 100 + 2 * 50


def test_cached_input_without_a_price_of_its_own_costs_as_input(price: dict[str, Decimal]) -> None:
    price |= {"input_mtok": Decimal(10)}

    assert cost(replace(_NOTHING, input_tokens=1_000_000, cached_tokens=500_000), ModelType.CHAT) == 10


def test_costs_add_up(price: dict[str, Decimal]) -> None:
    price |= {"input_mtok": Decimal("0.15"), "output_mtok": Decimal("0.6"), "requests_kcount": Decimal(5)}
    one = replace(_NOTHING, calls=1, input_tokens=700_001, output_tokens=3)
    both = replace(_NOTHING, calls=2, input_tokens=1_400_002, output_tokens=6)
    costs = [cost(one, ModelType.CHAT), cost(both, ModelType.CHAT)]

    assert costs == [Decimal("0.11000195"), Decimal("0.2200039")]


@pytest.mark.parametrize(
    ("there", "usage"),
    [
        ({"input_mtok": 1}, {"input_tokens": 1, "output_tokens": 1}),
        ({"output_mtok": 1}, {"input_tokens": 1, "output_tokens": 1}),
        ({}, {"input_tokens": 1}),
        ({"input_mtok": 1, "output_mtok": 1}, {"calls": 1, "native": {"search_units": 1}}),
        ({"input_mtok": 1, "cache_read_mtok": 1}, {"input_tokens": 1, "cached_tokens": 2}),
    ],
)
def test_what_is_priced_in_part_has_no_known_price(
    price: dict[str, Decimal], there: dict[str, int], usage: dict[str, Any]
) -> None:
    price |= {key: Decimal(rate) for key, rate in there.items()}

    assert cost(replace(_NOTHING, **usage), ModelType.CHAT) is None


def test_audio_is_paid_by_its_length_where_that_has_a_price(price: dict[str, Decimal]) -> None:
    price |= {"audio_hours": Decimal("0.36"), "input_audio_hours": Decimal("0.36")}
    usage = replace(_NOTHING, calls=1, output_tokens=50, estimated_tokens=50, native={"seconds": 1800.0})

    assert cost(usage, ModelType.SPEECH2TEXT) == Decimal("0.18")


def test_audio_tokens_have_a_price_of_their_own(price: dict[str, Decimal]) -> None:
    price |= {"input_mtok": Decimal(2), "output_mtok": Decimal(10), "input_audio_mtok": Decimal(6)}
    usage = replace(_NOTHING, input_tokens=1_000_000, output_tokens=1_000_000)

    assert cost(usage, ModelType.SPEECH2TEXT) == 16
    assert cost(usage, ModelType.CHAT) == 12


@pytest.mark.parametrize(
    ("kind", "usage"), [(ModelType.SPEECH2TEXT, {"output_tokens": 5}), (ModelType.TTS, {"input_tokens": 5})]
)
def test_audio_that_was_not_measured_has_no_known_price(
    price: dict[str, Decimal], kind: ModelType, usage: dict[str, Any]
) -> None:
    price |= {"input_mtok": Decimal(2), "output_mtok": Decimal(10)}

    assert cost(replace(_NOTHING, calls=1, **usage), kind) is None


def test_speech_is_paid_by_its_characters_where_they_have_a_price(price: dict[str, Decimal]) -> None:
    price |= {"input_mchars": Decimal(15)}

    assert cost(replace(_NOTHING, calls=1, input_tokens=9, native={"characters": 2000}), ModelType.TTS) == Decimal(
        "0.03"
    )


def test_a_call_that_failed_costs_nothing(price: dict[str, Decimal]) -> None:
    for kind in ModelType:
        assert cost(replace(_NOTHING, errors=1), kind) == 0


def test_a_price_that_rises_with_the_length_of_a_call_is_taken_as_it_begins() -> None:
    usage = DayUsage(_DAY, "gemini-2.5-pro", "Gemini", 1000, 1_000_000)

    assert cost(usage, ModelType.CHAT) == Decimal("1.25")


def test_the_source_names_a_release() -> None:
    name, _, release = prices.source().partition(" ")

    assert name == "genai-prices"
    assert all(part.isdigit() for part in release.split("."))
