"""The pages that people read, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import override

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHELLS = ("sh", "bash", "shell", "console")
_FUNCTION = re.compile(r"^(\w+)\(\) \{ *(?:\n(.*?)^|(.*?);? *)\} *(?:#.*)?\n", re.MULTILINE | re.DOTALL)
_SUBSTITUTED = "$substituted"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SEPARATORS = frozenset({"|", "||", "&&", ";", "&"})


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file; ``name`` is its path in the repository."""

    name: str
    text: str

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks of these languages."""
        return [text for language, text in _BLOCK.findall(self.text) if language in languages]

    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _BLOCK.sub("", self.text)

    def commands(self) -> list["Command"]:
        """Those of the shell blocks, in their order; calls of the page's own functions as what they do."""
        text = "\n".join(self.blocks(*_SHELLS))
        functions = {name: long or short for name, long, short in _FUNCTION.findall(text)}
        return [
            Command(self.name, line, words)
            for line in _lines(_FUNCTION.sub("", text))
            for words in _split(line, functions)
        ]


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page: the line it stands in as a shell takes it, and its own words."""

    page: str
    line: str
    words: tuple[str, ...]

    @override
    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def pages() -> list[Page]:
    """Those at the top level and under ``docs``, decisions included."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [Page(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in sorted(paths)]


def commands() -> list[Command]:
    """All commands of all pages."""
    return [command for page in pages() for command in page.commands()]


def _lines(text: str) -> Iterator[str]:
    """Lines as a shell takes them: with what a backslash or an open quote continues, without prompts."""
    held = ""
    for line in text.splitlines():
        held += line.removeprefix("$ ")
        if held.endswith("\\"):
            held = held[:-1]
            continue
        if not _closed(held):
            held += "\n"
            continue
        if held.strip():
            yield held
        held = ""
    assert not held, f"a command that does not end: {held}"


def _closed(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def _split(line: str, functions: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """The commands of a line, those that it substitutes first; without assignments before and redirections behind."""
    line, inner = _substituted(line)
    for command in inner:
        yield from _split(command, functions)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _SEPARATORS:
            if words or not _ASSIGNMENT.fullmatch(word):
                words.append(word)
        elif words:
            yield from _expanded(words, functions)
            words = []


def _substituted(line: str) -> tuple[str, list[str]]:
    """The line with a mark in place of each ``$(command)`` and of each sum, and the commands."""
    inner: list[str] = []
    while begin := re.search(r"\$\((?!\()", line):
        end = next(place for place in range(begin.end(), len(line) + 1) if _balanced(line[begin.end() - 1 : place]))
        inner.append(line[begin.end() : end - 1])
        line = line[: begin.start()] + _SUBSTITUTED + line[end:]
    return re.sub(r"\$\(\(.*?\)\)", "$sum", line), inner


def _balanced(text: str) -> bool:
    return 0 < text.count("(") == text.count(")")


def _expanded(words: list[str], functions: dict[str, str]) -> Iterator[tuple[str, ...]]:
    if words[0] not in functions:
        redirected = next((place for place, word in enumerate(words) if set(word) <= {"<", ">"}), len(words))
        yield tuple(words[:redirected])
        return
    given = {f"${place}": word for place, word in enumerate(words[1:], 1)}
    others = {name: body for name, body in functions.items() if name != words[0]}
    for line in _lines(functions[words[0]]):
        for inner in _split(line, others):
            yield tuple(re.sub(r"\$\d", lambda hole: given.get(hole[0], hole[0]), word) for word in inner)
