"""How long a WAV or MP3 file is, read from its heads alone.

WAV: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html. MP3 (MPEG audio, layer III):
http://www.mp3-tech.org/programmer/frame_header.html, its tags: https://id3.org/id3v2.4.0-structure.
"""

from collections.abc import Iterator

_HEAD = 4
_ID3_HEAD = 10
_LAYER_III = 1
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""MPEG 1, 2 and 2.5 by their two bits: samples a second."""
_MPEG_1 = 3
_KILOBITS = (
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
"""Of MPEG 2 and 2.5, and of MPEG 1."""
_SAMPLES = (576, 1152)
_FEWEST_FRAMES = 2
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What writers of a WAV head leave where they do not know yet how much will follow."""


def seconds(audio: bytes) -> float | None:
    """The length of the audio in seconds; ``None`` where it is neither of the two, or broken."""
    if audio[:4] == b"RIFF" and audio[8:12] == b"WAVE":
        return _wav(audio)
    return _mp3(audio)


def _wav(audio: bytes) -> float | None:
    bytes_a_second = 0
    for name, start, size in _chunks(audio):
        if name == b"fmt " and size >= 12:
            bytes_a_second = int.from_bytes(audio[start + 8 : start + 12], "little")
        elif name == b"data" and bytes_a_second:
            there = len(audio) - start
            return (there if size in _UNKNOWN_SIZES else min(size, there)) / bytes_a_second
    return None


def _chunks(audio: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk; an odd one is followed by a byte that belongs to none."""
    at = 12
    while at + 8 <= len(audio):
        size = int.from_bytes(audio[at + 4 : at + 8], "little")
        yield audio[at : at + 4], at + 8, size
        at += 8 + size + size % 2


def _mp3(audio: bytes) -> float | None:
    """The sum of all frames, which holds for a variable bit rate too. A lone frame may be chance."""
    at, frames, length = _first_frame(audio), 0, 0.0
    while (frame := _frame(audio[at : at + _HEAD])) is not None:
        size, duration = frame
        at, frames, length = at + size, frames + 1, length + duration
    return length if frames >= _FEWEST_FRAMES else None


def _first_frame(audio: bytes) -> int:
    if audio[:3] != b"ID3" or len(audio) < _ID3_HEAD:
        return 0
    size = 0
    for byte in audio[6:10]:  # seven bits each
        size = size << 7 | byte & 0x7F
    return _ID3_HEAD + size


def _frame(head: bytes) -> tuple[int, float] | None:
    """Bytes and seconds of the frame that a head begins; ``None`` where it is no head of layer III."""
    bits = int.from_bytes(head)
    version, layer = bits >> 19 & 3, bits >> 17 & 3
    rate, sample_rate, padding = bits >> 12 & 15, bits >> 10 & 3, bits >> 9 & 1
    if len(head) < _HEAD or bits >> 21 != 0x7FF or layer != _LAYER_III or version not in _RATES:
        return None
    if rate in (0, 15) or sample_rate == len(_RATES[version]):
        return None
    is_first = version == _MPEG_1
    samples, hertz = _SAMPLES[is_first], _RATES[version][sample_rate]
    return samples // 8 * _KILOBITS[is_first][rate] * 1000 // hertz + padding, samples / hertz
