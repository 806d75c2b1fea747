"""Reasoning that a model writes into its text, as ``<think>…</think>`` at the very start."""

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Takes a text in pieces and tells reasoning from answer, as early as each piece allows.

    Only a tag at the start counts, after white space: a later one belongs to the text. An unclosed one, as of an answer
    cut by its length, is reasoning to the end.
    """

    def __init__(self) -> None:
        self._held = ""
        self._read = self._at_start

    def feed(self, text: str) -> tuple[str, str]:
        """What this piece, with what was held back before, adds to ``(text, reasoning)``."""
        self._held += text
        return self._read()

    def finish(self) -> tuple[str, str]:
        """What is still held back when the text is over."""
        held, self._held = self._held, ""
        if self._read == self._in_thought:
            return "", held
        return (held if self._read == self._at_start else ""), ""

    def off(self) -> None:
        """Tags are no markup: the provider reports reasoning in a field of its own."""
        if self._read == self._at_start:
            self._read = self._in_text

    def _at_start(self) -> tuple[str, str]:
        begun = self._held.lstrip()
        if begun.startswith(_OPEN):
            self._held = begun.removeprefix(_OPEN)
            self._read = self._before_thought
            return self._read()
        if _OPEN.startswith(begun):
            return "", ""
        self._read = self._in_text
        return self._read()

    def _before_thought(self) -> tuple[str, str]:
        self._held = self._held.lstrip()
        if not self._held:
            return "", ""
        self._read = self._in_thought
        return self._read()

    def _in_thought(self) -> tuple[str, str]:
        thought, closed, text = self._held.partition(_CLOSE)
        if closed:
            self._held = text
            self._read = self._after
            return self._read()[0], thought.rstrip()
        sure = _sure(thought)
        self._held = thought[sure:]
        return "", thought[:sure]

    def _after(self) -> tuple[str, str]:
        """Between the closing tag and the answer stands only white space."""
        self._held = self._held.lstrip()
        if not self._held:
            return "", ""
        self._read = self._in_text
        return self._read()

    def _in_text(self) -> tuple[str, str]:
        text, self._held = self._held, ""
        return text, ""


def split(text: str) -> tuple[str, str]:
    """A whole text as ``(text, reasoning)``."""
    splitter = ThinkSplitter()
    begun, thought = splitter.feed(text)
    rest, more = splitter.finish()
    return begun + rest, thought + more


def _sure(thought: str) -> int:
    """How much of a thought is one for sure: all but what may be the closing tag, and the white space before it."""
    begun = next(length for length in range(len(_CLOSE) - 1, -1, -1) if thought.endswith(_CLOSE[:length]))
    return len(thought[: len(thought) - begun].rstrip())
