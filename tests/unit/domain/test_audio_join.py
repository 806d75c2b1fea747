"""Parts of speech put together while they arrive, however their bytes are cut."""

import wave
from collections.abc import Iterator
from io import BytesIO
from itertools import chain

import pytest

from tenant_llm.domain.audio import joined
from tenant_llm.domain.audio_join import Join
from tenant_llm.domain.errors import MalformedAnswer
from tests.unit.domain.test_audio import COUNTED, FRAME, wav

_ID3 = b"ID3\x04\x00\x00\x00\x00\x01\x02" + bytes(130)
_TAIL = b"TAG" + bytes(125)
_SIZES = pytest.mark.parametrize("size", [1, 3, 100, 100_000])


def _cut(part: bytes, size: int) -> Iterator[bytes]:
    return (part[at : at + size] for at in range(0, len(part), size))


def _join(parts: list[bytes], content_type: str, size: int) -> bytes:
    join = Join(content_type)
    return b"".join(chain.from_iterable(join.part(_cut(part, size)) for part in parts))


@_SIZES
@pytest.mark.parametrize(
    ("parts", "content_type"),
    [
        ([b"\x01\x02", b"\x03\x04"], "audio/pcm"),
        ([_ID3 + FRAME * 2 + _TAIL, FRAME, _ID3 + FRAME + _TAIL], "audio/mpeg"),
        ([COUNTED + FRAME, _ID3 + COUNTED + FRAME], "audio/mpeg"),
        ([b"\xff\xfb\x90\x00", FRAME], "audio/mpeg"),
    ],
    ids=["samples", "tags", "counts", "short"],
)
def test_parts_come_to_what_they_come_to_when_they_are_whole(parts: list[bytes], content_type: str, size: int) -> None:
    assert _join(parts, content_type, size) == joined(parts, content_type)


@_SIZES
def test_wav_files_become_one_whose_length_is_open(size: int) -> None:
    notes = b"LIST\x04\x00\x00\x00INFO"
    unknown = wav(b"\x05\x06").replace(b"data\x02\x00\x00\x00", b"data\xff\xff\xff\xff")

    audio = _join([wav(b"\x01\x02") + notes, wav(b"\x03\x04"), unknown], "audio/wav", size)

    assert (audio[:8], audio[40:44]) == (b"RIFF\xff\xff\xff\xff", b"\xff\xff\xff\xff")
    assert audio[44:] == b"\x01\x02\x03\x04\x05\x06"
    with wave.open(BytesIO(audio)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8000, 1, 2)


@pytest.mark.parametrize(
    ("parts", "content_type"),
    [
        ([b"OggS1"], "audio/ogg"),
        ([wav(b"\x01\x02"), wav(b"\x01\x02", 16000)], "audio/wav"),
        ([wav(b"\x01\x02"), FRAME], "audio/mpeg"),
        ([b"RIFF....WAVEfmt "], "audio/wav"),
        ([b"RIFF....WAVEdata\x02\x00\x00\x00\x01\x02"], "audio/wav"),
        ([b""], "audio/ogg"),
    ],
    ids=["no joinable format", "two rates", "two formats", "broken off", "no format", "nothing"],
)
def test_what_cannot_be_put_together_is_an_error(parts: list[bytes], content_type: str) -> None:
    with pytest.raises(MalformedAnswer, match="cannot be put together"):
        _join(parts, content_type, 100_000)


def test_a_piece_does_not_wait_for_the_next_part() -> None:
    def chunks() -> Iterator[bytes]:
        yield FRAME
        raise AssertionError("asked for more than was needed")

    assert next(Join("audio/pcm").part(chunks())) == FRAME
