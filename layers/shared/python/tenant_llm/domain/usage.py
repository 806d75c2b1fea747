"""What one call used."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counts them.

    ``cached_tokens`` (read from the provider's prompt cache) and ``cache_write_tokens`` are parts of
    ``input_tokens``; ``reasoning_tokens`` is a part of ``output_tokens``. ``native`` keeps the unit a provider
    bills in where that is not the token: ``seconds``, ``characters``, ``bytes``, ``search_units``, ``pages``.
    ``estimated`` says that the token counts are ours, not the provider's.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    native: Mapping[str, float] = field(default_factory=dict)
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Input and output together: what the row's ``used_tokens`` grows by."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        units = self.native.keys() | other.native.keys()
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            native={unit: self.native.get(unit, 0) + other.native.get(unit, 0) for unit in sorted(units)},
            estimated=self.estimated or other.estimated,
        )


_MOST_TOKENS = 10**12


def reported(usage: Usage | None) -> Usage | None:
    """A provider's report as far as it can be booked: ``None`` where a count is negative or beyond all reason.

    A tenant may run the provider itself; a report must not be able to take tokens off an account.
    """
    if usage is None:
        return None
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens)
    amounts = (*counts, usage.reasoning_tokens, *usage.native.values())
    return usage if all(0 <= amount < _MOST_TOKENS for amount in amounts) else None
