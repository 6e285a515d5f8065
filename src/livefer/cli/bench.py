"""`livefer bench`: how fast livefer is on this machine, and what would make it faster."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from livefer.cli.console import new_table, stdout
from livefer.cli.options import DetectorOption, ModelOption, PriorOption, a_number
from livefer.cli.progress import still_bar
from livefer.formatting import count
from livefer.speed.benchmark import benchmark
from livefer.speed.made_frames import SOURCE
from livefer.speed.result import Benchmark, Live, Rate

_NOTES = {
    SOURCE: "making the frame; --camera N measures a camera",
    "camera": "waiting for the camera included",
    "other": "quality checks, results",
    "sum": "without capture, which runs beside it",
}


def bench(
    seconds: Annotated[
        float,
        typer.Option(
            help="How long to measure; starting processes takes a few seconds more.",
            min=0.1,
            max=600,
            callback=a_number,
            metavar="SECONDS",
        ),
    ] = 15.0,
    camera: Annotated[
        int | None,
        typer.Option(
            help="Measure with this camera: its capture, and the time until faces are painted.",
            min=0,
            metavar="N",
            show_default="frames made from the shipped picture",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON instead of tables; keys are in docs/bench.md."),
    ] = False,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:
    """Measure how fast livefer is on this machine.

    Prints the time of each stage of a frame, frames per second, latency and load of a live
    stream, the start of a fresh process, and what would help. Needs no camera.
    """
    with still_bar() as progress:
        found = benchmark(model, detector, prior, seconds, camera, progress)
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=2) + "\n")
    else:
        _print(stdout(), found)


def _print(console: Console, found: Benchmark) -> None:
    stages = found.stages
    _print_setup(console, found)
    console.print(
        f"\n[bold]Milliseconds per frame[/] · {_by(stages.size_wh)}, {stages.n_frames} "
        f"{_source(stages.source)}, faces found in each: {stages.n_faces:.3g}",
        soft_wrap=True,
    )
    console.print(_stages_table(found))
    console.print(
        "\n[bold]Frames per second[/] · recognition alone; faces, and how many were found",
        soft_wrap=True,
    )
    console.print(_rates_table(found.rates))
    console.print(f"\n{_live(found.live)}\n\n{_cold(found)}\n", soft_wrap=True)
    console.print("[bold]What would help[/]")
    for line in found.advice:
        text = textwrap.fill(line, console.width, initial_indent=" - ", subsequent_indent="   ")
        console.print(escape(text), soft_wrap=True)
    if not found.advice:
        console.print(" nothing that was measured here")


def _print_setup(console: Console, found: Benchmark) -> None:
    machine = found.machine
    cores = count(machine.n_cores, "core")
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    prior = f", prior {found.prior:g}" if found.prior else ""
    console.print(
        f"[bold]{escape(machine.processor)}[/], {cores}, {escape(machine.system)}\n"
        f"[dim]{escape(textwrap.fill(versions, console.width))}[/]\n"
        f"model [bold]{escape(found.model)}[/]{prior}, detector [bold]{found.detector}[/]",
        soft_wrap=True,
    )


def _live(live: Live) -> str:
    return (
        f"[bold]Live[/] · {_by(live.size_wh)}, {live.n_frames} {_source(live.source)} at "
        f"{live.fps:.1f} fps\n"
        f" frame to painted faces  {live.latency_ms.p50:.1f} ms, p95 {live.latency_ms.p95:.1f} ms\n"
        f" frames skipped          {live.n_skipped}\n"
        f" cores in use            {live.cores_used:.2f}"
    )


def _cold(found: Benchmark) -> str:
    cold = found.cold
    if cold is None:
        return "[dim]a fresh process is not measured in a frozen app[/]"
    peak = "unknown on this system" if cold.peak_mib is None else f"{cold.peak_mib:.0f} MiB"
    return (
        f"[bold]A fresh process[/] · median of {cold.n_runs}\n"
        f" import livefer          {cold.import_s:.3f} s, with Recognizer {cold.load_s:.3f} s\n"
        f" start to first result   {cold.result_s:.2f} s\n"
        f" peak memory             {peak}"
    )


def _stages_table(found: Benchmark) -> Table:
    table = new_table("", "p50>", "p95>", "mean>", Column(style="dim"))
    source = found.stages.source if found.stages.source == SOURCE else "camera"
    for name, timing in found.stages.ms.items():
        style = "bold" if name == "sum" else None
        cells = (f"{ms:.2f}" for ms in (timing.p50, timing.p95, timing.mean))
        note = _NOTES.get(source if name == "capture" else name, "")
        table.add_row(name, *cells, note, style=style)
    return table


def _rates_table(rates: tuple[Rate, ...]) -> Table:
    columns: list[str | Column] = ["faces>"]
    for size_wh in dict.fromkeys(rate.size_wh for rate in rates):
        columns += [f"{_by(size_wh)}>", Column("found", justify="right", style="dim")]
    table = new_table(*columns)
    for n_faces in dict.fromkeys(rate.n_faces for rate in rates):
        cells = []
        for rate in rates:
            if rate.n_faces == n_faces:
                cells += [f"{rate.fps:.0f}", f"{rate.n_found:.1f}"]
        table.add_row(str(n_faces), *cells)
    return table


def _source(name: str) -> str:
    return name if name == SOURCE else f"frames of {name}"


def _by(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"
