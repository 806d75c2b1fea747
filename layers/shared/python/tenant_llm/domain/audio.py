"""Audio files: what their names and media types say, and which of them can be put together."""

from collections.abc import Iterator, Mapping, Sequence

from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.wire import File

UNTYPED = ("", "application/octet-stream", "binary/octet-stream")  # the last is what S3 says of its own accord
TYPES: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "mpga": "audio/mpeg",
    "mpeg": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
    "aac": "audio/aac",
    "amr": "audio/amr",
    "aiff": "audio/aiff",
    "wma": "audio/x-ms-wma",
    "3gp": "audio/3gpp",
    "flv": "video/x-flv",
}
"""The ending of a file's name → its media type; of one type the first ending is the usual one."""

JOINABLE = ("mp3", "pcm", "wav")
"""Formats of speech that can be made in parts.

Samples (pcm) stand for themselves, and so do the frames of MPEG audio (mp3), once the tags and the count of frames
before them are out of the way; of a WAV file the head has to be written anew. The others are one stream from end to
end: Ogg numbers its pages and streams (https://www.rfc-editor.org/rfc/rfc3533, section 4, and few players follow a
chain of them), FLAC tells its length and checksum first (https://www.rfc-editor.org/rfc/rfc9639, section 8.2), and of
"aac" providers do not say whether it is bare frames or an MP4 file.
"""

_KINDS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/pcm": "pcm", "audio/l16": "pcm"}
_HEADS = {b"RIFF": "wav", b"OggS": "ogg", b"fLaC": "flac"}
ID3_HEAD, ID3_TAIL = 10, 128
TAIL_MARK = b"TAG"
MARKED = 40
"""Bytes of a first frame that tell whether it holds a count."""

_COUNTS = (b"Xing", b"Info", b"VBRI")
_COUNT_PLACES = (13, 21, 36)
"""Where the count of frames stands in the first frame of an MP3 file, by its channels and version of MPEG:
http://gabriel.mp3-tech.org/mp3infotag.html."""
UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What writers of a WAV head leave where they do not know yet how much will follow."""


def endings(file: File) -> tuple[str, ...]:
    """The endings that the format goes by: the file's own, else those of its media type; none where it tells none."""
    own = file.name.rpartition(".")[2].lower() if "." in file.name else ""
    if own in TYPES:
        return (own,)
    kind = file.content_type.partition(";")[0].strip().lower()
    return tuple(ending for ending, known in TYPES.items() if known == kind)


def joined(parts: Sequence[bytes], content_type: str) -> bytes:
    """Parts of speech as one piece of audio; ``content_type`` is what they were delivered as.

    Raises:
        MalformedAnswer: When they are not of one of the ``JOINABLE`` formats.
    """
    if len(parts) == 1:
        return parts[0]
    kinds = {kind(part, content_type) for part in parts}
    if kinds == {"pcm"}:
        return b"".join(parts)
    if kinds == {"mp3"}:
        return b"".join(map(_frames, parts))
    if kinds == {"wav"}:
        return _wav(parts)
    raise MalformedAnswer(f"the provider's audio is {content_type!r}, whose parts cannot be put together")


def kind(start: bytes, content_type: str) -> str | None:
    """What audio is by its first four bytes, else by what it was delivered as."""
    return _HEADS.get(start[:4]) or _KINDS.get(content_type)


def _frames(mp3: bytes) -> bytes:
    """The frames of an MP3 file without tags (https://id3.org/id3v2.4.0-structure)."""
    mp3 = unmarked(mp3[id3_size(mp3) :])
    return mp3[:-ID3_TAIL] if mp3[-ID3_TAIL:].startswith(TAIL_MARK) else mp3


def id3_size(start: bytes) -> int:
    """Bytes of the tag before the frames, by its first ten; 0 where there is none."""
    size = 0
    if start[:3] != b"ID3" or len(start) < ID3_HEAD:
        return size
    for byte in start[6:ID3_HEAD]:  # seven bits each
        size = size << 7 | byte & 0x7F
    return ID3_HEAD + size


def unmarked(frames: bytes) -> bytes:
    """Frames whose first one is not marked as the count of them, by its first forty bytes.

    The count is of this part alone, and players would stop there; the frame that holds it is a silent one without.
    """
    place = next((place for place in _COUNT_PLACES if frames[place : place + 4] in _COUNTS), None)
    return frames if place is None else frames[:place] + bytes(4) + frames[place + 4 :]


def _wav(parts: Sequence[bytes]) -> bytes:
    """https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html."""
    chunks = [dict(_chunks(part)) for part in parts]
    heads = {found.get(b"fmt ") for found in chunks}
    if len(heads) != 1 or None in heads or not all(b"data" in found for found in chunks):
        raise MalformedAnswer("the provider's audio is WAV files of different kinds, which cannot be put together")
    head, samples = chunks[0][b"fmt "], b"".join(found[b"data"] for found in chunks)
    body = b"WAVE" + _chunk(b"fmt ", head) + _chunk(b"data", samples)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _chunks(wav: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk; an odd one is followed by a byte that belongs to none."""
    at = 12
    while at + 8 <= len(wav):
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        if name == b"data" and size in UNKNOWN_SIZES:
            size = len(wav)
        yield name, wav[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
