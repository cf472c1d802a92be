"""Hearing and speaking without a cloud: pocketsphinx and espeak-ng.

Owns the way from text to 24 kHz sound and, for a closed list of phrases, back. Recognition is told only those
phrases, so it stays good on telephone sound (G.711, 8 kHz) that the acoustic model was never made for.

Refuses free speech: what is none of the phrases is heard as "".
"""

import asyncio
import io
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import soxr

RATE = 24000
"""Of all sound that goes in or out here, in Hertz; s16le, mono."""

SPEAK_TIMEOUT_S = 20
_HEARING_RATE = 16000
_LEVEL = 2500
"""RMS to which speech is brought before it is listened to."""

_NOISE = 100
"""RMS of the noise mixed in. Digital silence, and the empty band above 4 kHz of a telephone, mislead the model:
of 102 narrow-band test sentences 13 failed at 10, 4 at 30 and 1 at 100."""

_ENOUGH = 0.7
"""The part of a phrase's words that must have been heard for the phrase to count as said."""


class Speaker:
    """espeak-ng. What was said once is remembered. Raises RuntimeError if espeak-ng fails."""

    def __init__(self, voice: str = "en-us", words_per_minute: int = 150, pitch: int = 50) -> None:
        self._options = ("-v", voice, "-s", str(words_per_minute), "-p", str(pitch))
        self._said: dict[str, bytes] = {}

    async def say(self, text: str) -> bytes:
        """The text as 24 kHz s16le."""
        if text not in self._said:
            self._said[text] = await asyncio.to_thread(_at_24k, await self._run(text))
        return self._said[text]

    async def _run(self, text: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            "espeak-ng",
            *self._options,
            "--stdin",
            "--stdout",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SPEAK_TIMEOUT_S):
                out, complaint = await process.communicate(text.encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise
        if process.returncode != 0:
            raise RuntimeError(f"espeak-ng ended with {process.returncode}: {complaint.decode().strip()}")
        return out


def _at_24k(wav: bytes) -> bytes:
    # espeak-ng streams: its header states no true length, so the frames are taken to the end of the data.
    with wave.open(io.BytesIO(wav)) as file:
        rate = file.getframerate()
    data = wav[wav.index(b"data") + 8 :]
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    return bytes(soxr.resample(samples, rate, RATE).astype("<i2").tobytes())


class Recogniser:
    """pocketsphinx with a grammar of whole phrases. One thread listens, so the event loop never waits."""

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = tuple(phrases)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recogniser")
        self._decoder = self._thread.submit(_decoder, self._phrases)

    async def hear(self, pcm: bytes) -> str:
        """The phrase that was said in 24 kHz s16le, or ""."""
        return await asyncio.wrap_future(self._thread.submit(self._listen, pcm))

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _listen(self, pcm: bytes) -> str:
        decoder = self._decoder.result()
        decoder.start_utt()
        decoder.process_raw(_prepared(pcm), no_search=False, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return nearest(found.hypstr, self._phrases) if found is not None else ""


def _decoder(phrases: Sequence[str]):  # type: ignore[no-untyped-def]  # pocketsphinx has no types
    from pocketsphinx import Config, Decoder, get_model_path

    config = Config(
        hmm=get_model_path("en-us/en-us"),
        dict=get_model_path("en-us/cmudict-en-us.dict"),
        lm=None,
        samprate=float(_HEARING_RATE),
        loglevel="FATAL",
    )
    decoder = Decoder(config)
    decoder.add_jsgf_string("phrases", grammar(phrases))
    decoder.activate_search("phrases")
    return decoder


def grammar(phrases: Sequence[str]) -> str:
    """JSGF: one of the phrases, whole."""
    return f"#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = {' | '.join(f'({each})' for each in phrases)};\n"


def nearest(heard: str, phrases: Sequence[str]) -> str:
    """The phrase that begins with what was heard, if enough of it was: the decoder may stop a word short."""
    fitting = [each for each in phrases if f"{each} ".startswith(f"{heard} ")]
    best = min(fitting, key=len, default="")
    return best if best and len(heard) >= _ENOUGH * len(best) else ""


def _prepared(pcm: bytes) -> bytes:
    """At the model's rate and a known level, with silence around it and noise over all."""
    samples = soxr.resample(np.frombuffer(pcm, "<i2").astype(np.float32), RATE, _HEARING_RATE)
    samples = samples * (_LEVEL / max(1.0, _loudness(samples)))
    around = np.zeros(_HEARING_RATE * 3 // 10, np.float32)
    whole = np.concatenate([around, samples, around])
    noise = np.random.default_rng(1).normal(0, _NOISE, len(whole))
    return np.clip(whole + noise, -32768, 32767).astype("<i2").tobytes()


def _loudness(samples: npt.NDArray[np.float32]) -> float:
    """RMS of the parts in which something is to be heard."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    levels = np.sqrt(np.mean(frames**2, axis=1)) if len(frames) else np.zeros(1)
    loud = levels[levels >= levels.max() / 10]
    return float(np.sqrt(np.mean(loud**2)))
