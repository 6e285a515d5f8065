"""`livefer bench`: how fast livefer is on this machine, and what would make it faster."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.shared import DetectorOption, ModelOption, PriorOption, a_number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from livefer.speed.result import Benchmark, Rate

_MADE = "making the frame; --camera N measures a camera"
_READ = "waiting for the camera included"
_NOTES = {"other": "quality checks, results", "sum": "without capture, which runs beside it"}


def bench(
    seconds: Annotated[
        float,
        typer.Option(
            help="How long to measure; starting processes takes some more.",
            min=0.1,
            max=600,
            callback=a_number,
        ),
    ] = 15.0,
    camera: Annotated[
        int | None,
        typer.Option(
            help="Measure this camera: its capture, and the time to a frame's painted faces.",
            min=0,
            metavar="N",
            show_default="frames made from the shipped picture",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, no tables; docs/bench.md has its keys.")
    ] = False,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:
    """Measure how fast livefer is on this machine.

    Prints the time of each stage of a frame, frames per second, latency and load of a live
    stream, how long a fresh process takes, and what would help. Works without a camera.
    """
    from rich.console import Console

    from livefer.speed.benchmark import benchmark

    with _progress() as progress:
        found = benchmark(model, detector, prior, seconds, camera, progress)
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=2) + "\n")
    else:
        _print(Console(highlight=False), found)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function (what, done, total) that shows one line on stderr where that is a terminal.

    It is drawn only when called: a bar that moves by itself would take time from what is measured.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    bar = Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("loading", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total, refresh=True
        )


def _print(console: Console, found: Benchmark) -> None:
    from rich.markup import escape

    def say(text: str = "") -> None:
        console.print(text, soft_wrap=True)

    machine, stages, live, cold = found.machine, found.stages, found.live, found.cold
    cores = f"{machine.n_cores} core{'' if machine.n_cores == 1 else 's'}"
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    say(f"[bold]{escape(machine.processor)}[/], {cores}, {escape(machine.system)}")
    say(f"[dim]{escape(textwrap.fill(versions, console.width))}[/]")
    prior = f", prior {found.prior:g}" if found.prior else ""
    say(f"model [bold]{escape(found.model)}[/]{prior}, detector [bold]{found.detector}[/]")
    say()
    say(
        f"[bold]Milliseconds per frame[/] · {_by(stages.size_wh)}, {stages.n_frames} "
        f"{_source(stages.source)}, faces found in each: {stages.n_faces:.3g}"
    )
    console.print(_stages_table(found))
    say()
    say("[bold]Frames per second[/] · recognition alone; faces, and how many were found")
    console.print(_rates_table(found.rates))
    say()
    latency = live.latency_ms
    say(
        f"[bold]Live[/] · {_by(live.size_wh)}, {live.n_frames} {_source(live.source)} at "
        f"{live.fps:.1f} fps"
    )
    say(f" frame to painted faces  {latency.p50:.1f} ms, p95 {latency.p95:.1f} ms")
    say(f" frames skipped          {live.n_skipped}")
    say(f" cores in use            {live.cores_used:.2f}")
    say()
    say(f"[bold]A fresh process[/] · median of {cold.n_runs}")
    say(f" import livefer          {cold.import_s:.3f} s, with Recognizer {cold.load_s:.3f} s")
    say(f" start to first result   {cold.result_s:.2f} s")
    peak = "not known on this system" if cold.peak_mib is None else f"{cold.peak_mib:.0f} MiB"
    say(f" peak memory             {peak}")
    say()
    say("[bold]What would help[/]")
    for line in found.advice:
        text = textwrap.fill(line, console.width, initial_indent=" - ", subsequent_indent="   ")
        say(escape(text))
    if not found.advice:
        say(" nothing that was measured here")


def _stages_table(found: Benchmark) -> Table:
    from livefer.speed.made_frames import SOURCE

    table = _empty_table()
    table.add_column("")
    for name in ("p50", "p95", "mean"):
        table.add_column(name, justify="right")
    table.add_column("", style="dim")
    notes = {"capture": _MADE if found.stages.source == SOURCE else _READ, **_NOTES}
    for name, timing in found.stages.ms.items():
        style = "bold" if name == "sum" else None
        cells = (f"{ms:.2f}" for ms in (timing.p50, timing.p95, timing.mean))
        table.add_row(name, *cells, notes.get(name, ""), style=style)
    return table


def _rates_table(rates: tuple[Rate, ...]) -> Table:
    table = _empty_table()
    sizes = list(dict.fromkeys(rate.size_wh for rate in rates))
    table.add_column("faces", justify="right")
    for size_wh in sizes:
        table.add_column(_by(size_wh), justify="right")
        table.add_column("found", justify="right", style="dim")
    for n_faces in dict.fromkeys(rate.n_faces for rate in rates):
        cells = []
        for rate in rates:
            if rate.n_faces == n_faces:
                cells += [f"{rate.fps:.0f}", f"{rate.n_found:.1f}"]
        table.add_row(str(n_faces), *cells)
    return table


def _empty_table() -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _source(name: str) -> str:
    from livefer.speed.made_frames import SOURCE

    return name if name == SOURCE else f"frames of {name}"


def _by(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"
