"""The length of audio, read from files that are built here."""

import wave
from io import BytesIO

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import Speech2TextDialect
from tenant_llm.dialects.zhipu import speech2text
from tenant_llm.dialects.zhipu.length import seconds

SPEECH2TEXT: Speech2TextDialect = speech2text
FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, 128 kbit/s, 44.1 kHz: 417 bytes, 1152 samples
PADDED = b"\xff\xfb\x92\x00" + bytes(414)
SMALL = b"\xff\xf3\x40\xc0" + bytes(188)  # MPEG 2, 32 kbit/s, 22.05 kHz: 104 bytes, 576 samples


def wav(frames: int, rate: int = 8000) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(frames * 4))
    return file.getvalue()


def test_the_family_is_found_by_its_name() -> None:
    assert load.speech2text("zhipu") is SPEECH2TEXT


def test_a_wav_file_is_as_long_as_its_samples() -> None:
    assert seconds(wav(12000)) == 1.5


def test_chunks_before_the_samples_are_passed_over() -> None:
    plain = wav(8000)
    odd = b"LIST" + (3).to_bytes(4, "little") + b"abc\0"

    assert seconds(plain[:12] + odd + plain[12:]) == 1.0


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_head_written_before_the_end_was_known_counts_what_is_there(size: int) -> None:
    plain = wav(8000)

    assert seconds(plain[:40] + size.to_bytes(4, "little") + plain[44:]) == 1.0


def test_an_mp3_file_is_as_long_as_its_frames() -> None:
    assert seconds(FRAME * 2 + PADDED) == pytest.approx(3 * 1152 / 44100)


def test_the_second_mpeg_has_shorter_frames() -> None:
    frame = SMALL[:104]

    assert seconds(frame * 4) == pytest.approx(4 * 576 / 22050)


def test_tags_at_either_end_are_no_audio() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x02" + bytes(130)

    assert seconds(tag + FRAME * 2 + b"TAG" + bytes(125)) == pytest.approx(2 * 1152 / 44100)


@pytest.mark.parametrize(
    "audio",
    [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"ID3", FRAME, b"OggS" + bytes(100), b"\xff\xfb\xf0\x00" * 9, wav(0)[:30]],
)
def test_what_is_neither_or_broken_has_no_length(audio: bytes) -> None:
    assert seconds(audio) is None
