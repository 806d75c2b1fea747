"""Samples as a file: some providers make nothing but samples, and callers may want a WAV file."""

import wave
from io import BytesIO

_BYTES_A_SAMPLE = 2
_UNKNOWN_SIZE = b"\xff\xff\xff\xff"


def wav(samples: bytes, rate: int) -> bytes:
    """Samples (16 bits, one channel, ``rate`` a second) with the head that makes them a file."""
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(_BYTES_A_SAMPLE)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


def open_head(rate: int) -> bytes:
    """The head alone, for samples whose number is not known yet: both sizes say so, as writers to a pipe have them."""
    head = wav(b"", rate)
    return head[:4] + _UNKNOWN_SIZE + head[8:-4] + _UNKNOWN_SIZE
