"""What audio files are by their names, and how parts become one."""

import wave
from io import BytesIO

import pytest

from tenant_llm.domain.audio import endings, joined
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.wire import File

FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, 128 kbit/s, 44.1 kHz, two channels
COUNTED = FRAME[:36] + b"Xing" + FRAME[40:]


def wav(samples: bytes, rate: int = 8000) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


def read(audio: bytes) -> tuple[int, bytes]:
    with wave.open(BytesIO(audio)) as reader:
        return reader.getframerate(), reader.readframes(reader.getnframes())


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.WAV", "audio/mpeg", ("wav",)),
        ("a", "audio/mpeg", ("mp3", "mpga", "mpeg")),
        ("a.final", "Audio/FLAC; rate=8000", ("flac",)),
        ("wav", "application/octet-stream", ()),
        ("a.xyz", "", ()),
    ],
)
def test_a_format_is_told_by_the_name_else_by_the_type(name: str, kind: str, expected: tuple[str, ...]) -> None:
    assert endings(File(name, b"x", kind)) == expected


def test_one_part_is_the_audio_whatever_it_is() -> None:
    assert joined([b"OggS"], "audio/ogg") == b"OggS"


def test_samples_follow_one_another() -> None:
    assert joined([b"\x01\x02", b"\x03\x04"], "audio/pcm") == b"\x01\x02\x03\x04"


def test_mp3_files_become_the_frames_of_all_without_tags() -> None:
    id3 = b"ID3\x04\x00\x00\x00\x00\x01\x02" + bytes(130)  # seven bits a byte: 128 + 2
    tail = b"TAG" + bytes(125)

    assert joined([id3 + FRAME * 2 + tail, id3 + FRAME], "audio/mpeg") == FRAME * 3


def test_the_count_of_one_parts_frames_is_taken_out() -> None:
    assert joined([COUNTED + FRAME, COUNTED + FRAME], "audio/mpeg") == FRAME * 4


def test_wav_files_become_one_with_a_head_for_all() -> None:
    audio = joined([wav(b"\x01\x02\x03\x04"), wav(b"\x05\x06")], "audio/wav")

    assert read(audio) == (8000, b"\x01\x02\x03\x04\x05\x06")


def test_a_wav_head_written_before_the_end_was_known_is_understood() -> None:
    streamed = wav(b"\x01\x02")
    streamed = streamed[:40] + b"\xff\xff\xff\xff" + streamed[44:]

    assert read(joined([streamed, streamed], "audio/mpeg")) == (8000, b"\x01\x02\x01\x02")


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([b"OggS1", b"OggS2"], "audio/mpeg"),
        ([b"fLaC1", b"fLaC2"], "audio/pcm"),
        ([wav(b""), b"\xff\xfb"], "audio/mpeg"),
        ([b"1", b"2"], "audio/aac"),
        ([wav(b"\x01\x02"), wav(b"\x01\x02", rate=16000)], "audio/wav"),
        ([b"RIFF0000WAVE", b"RIFF0000WAVE"], "audio/wav"),
    ],
)
def test_what_does_not_go_together_is_an_answer_that_is_not_understood(parts: list[bytes], kind: str) -> None:
    with pytest.raises(MalformedAnswer, match="put together"):
        joined(parts, kind)
