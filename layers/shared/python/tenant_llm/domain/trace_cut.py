"""Content that is too long, made shorter: the beginning and the end stay, a mark between them says what is missing."""

from tenant_llm.domain.wire import Json

LENGTHS = (65_536, 16_384, 4_096, 1_024, 256, 64)
"""How many characters of a text, and items of a list or an object, are left; the less, the more there is to cut."""

CUT = "[cut]"
"""What stands for content of which nothing is left."""


def cut(value: Json, longest: int) -> Json:
    """The JSON value with no text, list or object in it that is longer."""
    match value:
        case str() if len(value) > longest:
            head, tail = _halves(longest)
            return f"{value[:head]} [cut: {len(value) - longest} characters] {value[-tail:]}"
        case list() if len(value) > longest:
            head, tail = _halves(longest)
            mark = f"[cut: {len(value) - longest} items]"
            return [*cut(value[:head], longest), mark, *cut(value[-tail:], longest)]
        case list():
            return [cut(item, longest) for item in value]
        case dict():
            kept = {name: cut(item, longest) for name, item in list(value.items())[:longest]}
            return kept if len(kept) == len(value) else {**kept, CUT: f"{len(value) - longest} fields"}
        case _:
            return value


def _halves(longest: int) -> tuple[int, int]:
    return longest - longest // 2, longest // 2
