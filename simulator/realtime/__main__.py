"""`python -m simulator.realtime --port N`: the server as a process of its own, until interrupted."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from simulator.realtime.faults import Delivery
from simulator.realtime.instruction_model import InstructionModel
from simulator.realtime.model import Model, ToneModel
from simulator.realtime.server import RealtimeServer
from simulator.until_stopped import serve


def main(
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one")] = 8765,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    model: Annotated[
        str,
        typer.Option(help="tone: beeps; demo: listens, speaks; instructions: does as told in text; spoken: by voice"),
    ] = "tone",
    key: Annotated[str, typer.Option(help="The API key that clients must show")] = "sk-test",
    record: Annotated[Path | None, typer.Option(help="Append every event to this JSON lines file")] = None,
    pace: Annotated[float, typer.Option(help="Audio is sent so many times faster than real time; 0: at once")] = 5,
    think_ms: Annotated[int, typer.Option(help="Thinking time before each reply")] = 0,
) -> None:
    """Serve the Realtime protocol without OpenAI."""
    delivery = Delivery(pace=pace, think_ms=think_ms)
    server = RealtimeServer(
        _model(model), faults=(delivery,), api_key=key, host=host, port=port, record=record, keep=False
    )
    asyncio.run(serve(server))


def _model(name: str) -> Model:
    if name == "tone":
        return ToneModel()
    if name == "instructions":
        return InstructionModel()
    if name == "demo":
        # Imported only here: the tone needs neither pocketsphinx nor espeak-ng.
        from simulator.realtime.receptionist import Receptionist

        return Receptionist()
    if name == "spoken":
        from simulator.realtime.spoken_model import SpokenModel

        return SpokenModel()
    raise typer.BadParameter("tone, demo, instructions or spoken", param_hint="--model")


if __name__ == "__main__":
    typer.run(main)
