"""What usage costs in USD, by the list prices of a maintained package: https://github.com/pydantic/genai-prices.

It is loaded when the first price is looked up, and never where calls are served.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from tenant_llm.catalogue.load import provider
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

type Price = dict[str, Decimal]
"""Price keys of the package, such as ``input_mtok``, to USD."""

_PACKAGE = "genai-prices"
_PER_CALL = "requests_kcount"
_CALLS = 1000

# Our native units, as the package calls what they measure, and its keys of their prices.
_UNITS = {
    "seconds": (("audio_seconds", "audio_hours"), ("input_audio_seconds", "input_audio_hours")),
    "characters": (("input_characters", "input_mchars"),),
}
# Which tokens of a type are audio; they may have a price of their own.
_AUDIO = {
    ModelType.SPEECH2TEXT: ("input_tokens", "input_audio_tokens", "input_audio_mtok"),
    ModelType.TTS: ("output_tokens", "output_audio_tokens", "output_audio_mtok"),
}
_TOKENS = (("input_tokens", "input_mtok"), ("output_tokens", "output_mtok"))


def source() -> str:
    """The package and the release whose prices are used."""
    return f"{_PACKAGE} {version(_PACKAGE)}"


def cost(usage: DayUsage, model_type: ModelType | None) -> Decimal | None:
    """What the factory's list prices of that day make of it; ``None`` where a price of something used is not known.

    A day's sums do not tell how long single calls were: a price that rises with the length of a call is taken as it
    begins, one that changes within a day as it is at noon (UTC).
    """
    price = _price(usage.llm_factory, usage.llm_name, usage.day)
    if price is None or not _covers(price, usage, model_type):
        return None
    from genai_prices.types import ModelPrice, Usage

    rates = {key: rate for key, rate in price.items() if key != _PER_CALL}
    try:
        total = ModelPrice(**rates).calc_price(Usage(**_measured(usage, model_type)))["total_price"]
    except ValueError:  # counts that contradict each other, such as more cached tokens than input
        return None
    return total + price.get(_PER_CALL, Decimal(0)) * usage.calls / _CALLS


def _covers(price: Price, usage: DayUsage, model_type: ModelType | None) -> bool:
    """Whether everything that was used has a price: the tokens, or a unit in which the model is billed instead."""
    if any(key in price for unit in usage.native for _, key in _UNITS.get(unit, ())):
        return True
    audio, _, audio_key = _AUDIO.get(model_type, ("", "", "")) if model_type else ("", "", "")
    if audio and not getattr(usage, audio):
        return usage == DayUsage(usage.day, usage.llm_name, usage.llm_factory, errors=usage.errors)
    if usage.native and not usage.total_tokens:
        return False
    return all(key in price or (kind == audio and audio_key in price) for kind, key in _TOKENS if getattr(usage, kind))


def _measured(usage: DayUsage, model_type: ModelType | None) -> dict[str, float]:
    measured: dict[str, float] = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
    }
    if model_type in _AUDIO:
        kind, name, _ = _AUDIO[model_type]
        measured[name] = getattr(usage, kind)
    for unit, amount in usage.native.items():
        measured |= {name: amount for name, _ in _UNITS.get(unit, ())}
    return measured


@lru_cache(4096)
def _price(factory: str, llm_name: str, day: date) -> Price | None:
    """A model's prices on a day; ``None`` where the factory has no list of prices, or the list not the model."""
    row = provider(factory)
    if row is None or not row.prices:
        return None
    listed = row.model(llm_name)
    try:
        _, model = _snapshot().find_provider_model(listed.wire_name if listed else llm_name, None, row.prices, None)
    except LookupError:
        return None
    rates = vars(model.get_prices(datetime.combine(day, time(12), UTC)))
    return {key: rate if isinstance(rate, Decimal) else rate.base for key, rate in rates.items() if rate is not None}


@cache
def _snapshot() -> "DataSnapshot":
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)
