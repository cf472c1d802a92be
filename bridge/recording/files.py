"""Stereo sound files that grow while a call lasts and can be read at any moment, also after a crash.

Owns the two formats. WAV: the sizes in its header are corrected after every block, so what was written is complete.
OGG/Opus (libsndfile): whole pages are written; `PAGE_MS` bounds what a crash takes, where libsndfile's own second
would be too much. Both create their file, mode 0600, and refuse one that exists.

Every method may block on the disk. Raises OSError, and `SoundFileError` for what libsndfile says.
"""

import os
import struct
from pathlib import Path
from typing import Literal, Protocol

import soundfile

from bridge.recording.mixer import RATE, SAMPLE_BYTES

CHANNELS = 2
FRAME_BYTES = CHANNELS * SAMPLE_BYTES
WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
RIFF_SIZE_AT, DATA_SIZE_AT = 4, 40
WAV_LIMIT = 0xFFFF_FFFF - WAV_HEADER.size
"""The most bytes of sound in one WAV file, since its size fields have 32 bits: 12 hours."""
PAGE_MS = 200.0
_SET_PAGE_LATENCY = 0x1302
"""SFC_SET_OGG_PAGE_LATENCY_MS of sndfile.h, which the Python package has no name for."""

SoundFileError = soundfile.SoundFileError
Format = Literal["wav", "ogg"]


class StereoFile(Protocol):
    """24 kHz, s16le, interleaved."""

    def write(self, stereo: bytes) -> None: ...
    def close(self) -> None: ...


def create(path: Path, format: Format) -> StereoFile:
    """The folder is made (0700) if there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        return WavFile(fd) if format == "wav" else OggFile(fd)
    except BaseException:
        os.close(fd)
        raise


def wav_header(data_bytes: int) -> bytes:
    """RIFF/WAVE, PCM. Source: Microsoft Multimedia Programming Interface 1.0."""
    return WAV_HEADER.pack(
        *(b"RIFF", WAV_HEADER.size - 8 + data_bytes, b"WAVE"),
        *(b"fmt ", 16, 1, CHANNELS, RATE, RATE * FRAME_BYTES, FRAME_BYTES, 8 * SAMPLE_BYTES),
        *(b"data", data_bytes),
    )


class WavFile:
    """Owns the file descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._bytes = 0
        self._put(wav_header(0), 0)

    def write(self, stereo: bytes) -> None:
        if self._bytes + len(stereo) > WAV_LIMIT:
            raise OSError("a WAV file holds no more than 4 GiB")
        self._put(stereo, WAV_HEADER.size + self._bytes)
        self._bytes += len(stereo)
        self._put(struct.pack("<I", WAV_HEADER.size - 8 + self._bytes), RIFF_SIZE_AT)
        self._put(struct.pack("<I", self._bytes), DATA_SIZE_AT)

    def close(self) -> None:
        os.close(self._fd)

    def _put(self, data: bytes, at: int) -> None:
        """A full disk takes a part without a word, and only then says so."""
        while data:
            written = os.pwrite(self._fd, data, at)
            data, at = data[written:], at + written


class OggFile:
    """Owns the file descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._file = soundfile.SoundFile(fd, "w", RATE, CHANNELS, format="OGG", subtype="OPUS", closefd=False)
        page = soundfile._ffi.new("double *", PAGE_MS)
        # Private names; without the command the file is right too, and a crash takes a second more of it.
        soundfile._snd.sf_command(self._file._file, _SET_PAGE_LATENCY, page, soundfile._ffi.sizeof("double"))

    def write(self, stereo: bytes) -> None:
        self._file.buffer_write(stereo, "int16")

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            os.close(self._fd)
