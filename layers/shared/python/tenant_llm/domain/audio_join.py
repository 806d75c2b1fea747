"""Parts of speech put together while they arrive; ``audio`` does so with parts that are whole."""

from collections.abc import Iterable, Iterator
from itertools import chain

from tenant_llm.domain.audio import ID3_HEAD, ID3_TAIL, MARKED, TAIL_MARK, UNKNOWN_SIZES, id3_size, kind, unmarked
from tenant_llm.domain.errors import MalformedAnswer

_KIND, _RIFF, _CHUNK = 4, 12, 8
_OPEN = b"\xff\xff\xff\xff"


class Join:
    """One piece of audio out of parts, which are handed to ``part`` in their order.

    Of WAV files the head comes once, and leaves open how much will follow: nobody knows it yet, and players take what
    comes.
    """

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type
        self._kind: str | None = None
        self._format: bytes | None = None

    def part(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The part as it follows on those before it.

        Raises:
            MalformedAnswer: When it is not of a format that can be made in parts, or of another one than they are.
        """
        arriving = iter(chunks)
        start = _more(b"", arriving, _KIND)
        found = kind(start, self._content_type)
        if self._kind not in (None, found) or found not in ("pcm", "mp3", "wav"):
            raise MalformedAnswer(f"the provider's audio is {self._content_type!r}, whose parts cannot be put together")
        self._kind = found
        frame = {"mp3": _mp3, "wav": self._wav}.get(found, _samples)
        return (piece for piece in frame(start, arriving) if piece)

    def _wav(self, start: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        at, found = _RIFF, b""
        while True:
            start = _more(start, chunks, at + _CHUNK)
            name, size = start[at : at + 4], int.from_bytes(start[at + 4 : at + _CHUNK], "little")
            at += _CHUNK
            if name == b"data" or at > len(start):
                break
            start = _more(start, chunks, at + size)
            found = start[at - _CHUNK : at + size] if name == b"fmt " else found
            at += size + size % 2
        if not found or name != b"data" or self._format not in (None, found):
            raise MalformedAnswer("the provider's audio is WAV files of different kinds, which cannot be put together")
        if self._format is None:
            yield b"RIFF" + _OPEN + b"WAVE" + found + b"data" + _OPEN
        self._format = found
        yield from chain([start[at:]], chunks) if size in UNKNOWN_SIZES else _most(size, chain([start[at:]], chunks))


def _samples(start: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    return chain([start], chunks)


def _mp3(start: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The frames without tags; what may be the tag behind them is held back."""
    start = _more(start, chunks, ID3_HEAD)
    size = id3_size(start)
    held = unmarked(_more(start, chunks, size + MARKED)[size:])
    for chunk in chunks:
        held += chunk
        yield held[:-ID3_TAIL]
        held = held[-ID3_TAIL:]
    tail = held[-ID3_TAIL:]
    yield held[:-ID3_TAIL] if tail.startswith(TAIL_MARK) else held


def _more(start: bytes, chunks: Iterator[bytes], size: int) -> bytes:
    """The start with as many chunks behind it as make it ``size`` bytes, if there are so many."""
    while len(start) < size and (chunk := next(chunks, None)) is not None:
        start += chunk
    return start


def _most(size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The first bytes; what follows is read, and left out."""
    for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk[:size])
