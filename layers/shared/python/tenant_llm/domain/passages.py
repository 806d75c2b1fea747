"""A text cut into passages, each short enough to be spoken in one call."""

import re
from bisect import bisect_right
from collections.abc import Callable
from unicodedata import category

_SENTENCE = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s)|[。！？…]+["”’」』）]*|\n""")
_LAST_SPACE = re.compile(r"\s(?=\S*\Z)")
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def utf8_size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode(errors="surrogatepass"))


def passages(text: str, most: int, size: Callable[[str], int] = len) -> list[str]:
    """The text in passages no larger than ``most``, in order.

    The cut is behind the last sentence that fits, else behind the last word, else anywhere but inside a character, with
    the marks and joiners that belong to it. White space at a cut is left out; all else is kept.

    Args:
        text: what to cut; it stays as it is where it fits.
        most: the largest size of a passage, 4 or more.
        size: how size is counted: ``len`` for code points, or ``utf8_size``.
    """
    if size(text) <= most:
        return [text]
    result: list[str] = []
    rest = text.strip()
    while rest:
        cut = _cut(rest, _longest(rest, most, size))
        result.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return result


def _longest(text: str, most: int, size: Callable[[str], int]) -> int:
    """How many code points of the text fit; a code point is never smaller than one."""
    return bisect_right(range(min(len(text), most) + 1), most, key=lambda count: size(text[:count])) - 1


def _cut(text: str, end: int) -> int:
    if end == len(text):
        return end
    window = text[: end + 1]  # the character behind the end tells whether a sentence or a word ends there
    if sentences := [found.end() for found in _SENTENCE.finditer(window) if found.end() <= end]:
        return sentences[-1]
    if space := _LAST_SPACE.search(window):
        return space.start()
    return next((place for place in range(end, 0, -1) if not _inside(text, place)), end)


def _inside(text: str, place: int) -> bool:
    """Whether a cut there would tear a character: from its marks, or in a sequence of emoji."""
    behind = text[place]
    return category(behind).startswith("M") or _JOINER in (behind, text[place - 1]) or ord(behind) in _SKIN_TONES
