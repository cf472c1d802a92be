"""`voiceai test --voice`: the tests of an agent over real telephone calls through Asterisk.

A SIP telephone of the simulator calls the agent's number, says the caller's lines (speech synthesis, or WAV files) and
listens (`voice_call`); what was said and done is read from the API. Works where the simulator is: in a checkout, with
SIPp and espeak-ng. One call at a time.
"""

import asyncio
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic

import httpx
import numpy as np
import soxr

from controller.agent_tests import checks
from controller.agent_tests.chat_models import ChatClient, ChatFailed
from controller.agent_tests.checks import Question, Verdict
from controller.agent_tests.runner import Run, TestFailed
from controller.api.client import ApiProblem, Client, Unreachable
from controller.api.models.agent_tests import AgentTestRun
from controller.api.resources.agent_tests import answer_of
from controller.cli.voice_call import Telephone, VoiceCall
from controller.config.models.agent_tests import AgentTest, AgentTests, CallerLine, ChatModel, Check
from simulator.audio.sound import RATE, Samples
from simulator.audio.speech import RATE as SPEECH_RATE, Speaker
from simulator.phone.phone import PhoneError

UNKNOWN_ARGUMENTS = "what tools were called with is not kept of calls: by voice check the name only"


class CallerVoice:
    """The sound of a caller's lines, 8 kHz. WAV files are read beforehand. `folder`: where they are. Raises
    TestFailed."""

    def __init__(self, test: AgentTest, folder: Path) -> None:
        self._speaker = Speaker(test.by_voice.espeak_voice, words_per_minute=150, pitch=62)
        self._noise_dbfs = test.by_voice.noise_dbfs
        self._files = {each.wav: _read_wav(folder / each.wav) for each in test.says if each.wav is not None}

    async def sound(self, line: CallerLine) -> Samples:
        """Raises TestFailed."""
        if line.wav is not None:
            return _with_noise(self._files[line.wav], self._noise_dbfs)
        try:
            spoken = np.frombuffer(await self._speaker.say(line.text), "<i2")
        except FileNotFoundError:
            raise TestFailed("espeak-ng is not installed: apt install espeak-ng") from None
        except (RuntimeError, TimeoutError) as error:
            raise TestFailed(f"espeak-ng says nothing: {error}") from None
        return _with_noise(np.asarray(soxr.resample(spoken, SPEECH_RATE, RATE), np.int16), self._noise_dbfs)


class VoiceRunner:
    """`models`: who plays callers and judges. `http`: for them. `folder`: of WAV files."""

    def __init__(
        self, client: Client, telephone: Telephone, models: AgentTests, http: httpx.AsyncClient, folder: Path
    ) -> None:
        self._client = client
        self._telephone = telephone
        self._models = models
        self._http = http
        self._folder = folder

    async def run(self, agent: str, name: str, test: AgentTest, number: int) -> Run:
        began = monotonic()
        caller, judge = self._model(self._models.caller), self._model(self._models.judge)
        call = VoiceCall(self._client, self._telephone, caller, test)
        error: str | None = None
        verdicts: list[Verdict] = []
        try:
            await call.hold(agent, CallerVoice(test, self._folder))
            for check in test.checks:
                told = _evaluate(check, call)
                verdicts.append(await _judged(judge, told) if isinstance(told, Question) else told)
        except (TestFailed, ChatFailed, PhoneError, ApiProblem, Unreachable) as failure:
            error = str(failure)
        except TimeoutError:
            error = "the telephone or the API did not answer in time"
        cost = call.conversation.cost + sum(each.cost for each in (caller, judge) if each is not None)
        return Run(name, number, tuple(verdicts), call.conversation, monotonic() - began, cost, error)

    def _model(self, model: ChatModel | None) -> ChatClient | None:
        return ChatClient(model, self._http, lambda _: (0.0, False)) if model is not None else None


def run_all(
    client: Client,
    telephone: Telephone,
    models: AgentTests,
    agent: str,
    tests: Mapping[str, AgentTest],
    *,
    repeat: int,
    folder: Path,
) -> Iterator[AgentTestRun]:
    """The results as they come."""
    with asyncio.Runner() as loop:
        http = httpx.AsyncClient()
        runner = VoiceRunner(client, telephone, models, http, folder)
        try:
            for number in range(1, repeat + 1):
                for name, test in tests.items():
                    yield answer_of(loop.run(runner.run(agent, name, test, number)))
        finally:
            loop.run(http.aclose())


def _evaluate(check: Check, call: VoiceCall) -> Verdict | Question:
    asked = check.tool_called
    if asked is not None and asked.arguments and (asked.name != "transfer" or set(asked.arguments) != {"to"}):
        return Verdict(checks.label(check), False, UNKNOWN_ARGUMENTS)
    return checks.evaluate(check, call.conversation)


async def _judged(judge: ChatClient | None, asked: Question) -> Verdict:
    if judge is None:
        return Verdict(asked.check, False, "no model judges: set agent_tests.judge, and name the config with --config")
    text = f"Transcript:\n{asked.text}\n\nQuestion: {asked.question}"
    return checks.judged(asked, await judge.ask(checks.INSTRUCTIONS, text, "verdict", checks.SCHEMA))


def _with_noise(samples: Samples, dbfs: float | None) -> Samples:
    if dbfs is None:
        return samples
    noise = np.random.default_rng(1).normal(0, 32767 * 10 ** (dbfs / 20), len(samples))
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)


def _read_wav(path: Path) -> Samples:
    """The first channel. Raises TestFailed."""
    try:
        with wave.open(str(path)) as file:
            if file.getsampwidth() != 2:
                raise TestFailed(f"{path} is not 16 bit PCM")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
            rate = file.getframerate()
    except (OSError, wave.Error, EOFError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TestFailed(f"{path} can't be read as a WAV file: {reason}") from None
    return np.asarray(soxr.resample(samples[:, 0], rate, RATE), np.int16)
