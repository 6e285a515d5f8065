"""Tables of `livefer evaluate`: the figures of a report, of photographs, of groups of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column as Head
from rich.table import Table
from rich.text import Text

from livefer.cli.console import class_bar, new_table, stdout
from livefer.data.photos import Photos
from livefer.evaluation.groups import GroupScores
from livefer.evaluation.photographs import PhotoScores
from livefer.evaluation.report import Difference, Report, Share
from livefer.formatting import count

_MOST_GROUPS, _N_WORST = 12, 5  # of a column with more groups, the worst are printed


def print_report(report: Report, title: str) -> None:
    """Print the figures of a data set."""
    console = stdout()
    console.print(f"[bold]{escape(title)}[/] · {report.accuracy.n_images:,} images", soft_wrap=True)
    if report.labels == "votes":
        rest = count(report.n_left_out, "image")
        console.print(f"[dim]ground truth: majority vote; {rest} without a majority left out[/]")
    if absent := report.absent:
        console.print(f"[dim]no image of {escape(', '.join(absent))}: not in the means[/]")
    console.print()
    console.print(_figures_table(report))
    console.print()
    console.print(_class_table(report))
    _print_confusions(report)


def _print_confusions(report: Report) -> None:
    console = stdout()
    if confusions := report.confusions():
        console.print()
        for confusion in confusions:
            of = int(report.matrix[report.classes.index(confusion.true)].sum())
            console.print(f"{escape(str(confusion))} [dim]({confusion.count:,} of {of:,})[/]")


def print_photos(report: Report, photos: Photos, scores: PhotoScores, title: str) -> None:
    """Print how many faces of photographs are found, and how many of those are right."""
    console = stdout()
    n = count(photos.n_photos, "photograph")
    console.print(f"[bold]{escape(title)}[/] · {n}", soft_wrap=True)
    line = f"detector {escape(photos.detector)}: a face in {len(photos.split):,}"
    line += f" ({_percent(scores.found.value)}, {_interval(scores.found.low, scores.found.high)})"
    if scores.n_several:
        line += f"; several in {scores.n_several:,}, of which the largest counts"
    console.print(line, soft_wrap=True)
    console.print()
    table = new_table("", "photographs>", "right>", "95 % interval>", "")
    table.add_row("with a face", *_counted(scores.right))
    if len(photos.missed):
        table.add_row("all", *_counted(scores.right_of_all), Text("no face: not right", "dim"))
    if answers := report.answers:
        note = Text(f"{100 * answers.coverage:.0f} % of them", "dim")
        table.add_row("if not uncertain", *_counted(answers.right), note)
    table.add_section()
    for of_class in report.per_class:
        if not of_class.support:
            continue
        bar = class_bar(of_class.recall, of_class.name, report.classes)
        share = Share(of_class.recall, *of_class.recall_95, of_class.support)
        table.add_row(escape(of_class.name), *_counted(share), bar)
    table.add_section()
    mean = _percent(report.balanced_accuracy)
    table.add_row("mean of the classes", "", mean, "", Text("balanced accuracy", "dim"))
    console.print(table)
    _print_confusions(report)


def print_detectors(scores: Sequence[PhotoScores]) -> None:
    """Print what several detectors make of the same photographs."""
    table = new_table("detector", "found>", "several>", "right>", "95 % interval>", "right of all>")
    for one in scores:
        found = f"{_percent(one.found.value)}"
        right = _with_interval(one.right)
        of_all = _percent(one.right_of_all.value)
        table.add_row(escape(one.detector), found, f"{one.n_several:,}", *right, of_all)
    stdout().print()
    stdout().print(table)


def print_groups(name: str, groups: Sequence[GroupScores]) -> None:
    """Print the accuracy in each group of a column; of many groups, in the worst ones."""
    console = stdout()
    many = len(groups) > _MOST_GROUPS
    shown = [group for group in groups if group.right.n_images]
    if many:
        shown = sorted(shown, key=lambda group: group.right.value)[:_N_WORST]
    has_missed = any(group.n_missed for group in groups)
    missed_head = ["no face>"] if has_missed else []
    table = new_table(escape(name), "images>", *missed_head, "right>", "95 % interval>")
    for group in shown:
        missed = [f"{group.n_missed:,}"] if has_missed else []
        n, right, interval = _counted(group.right)
        table.add_row(f"[bold]{escape(group.label)}[/]", n, *missed, right, interval)
        per_class = {} if many else group.per_class
        for label, share in per_class.items():
            if share.n_images and len(per_class) > 1:
                n, right, interval = _counted(share)
                blank = [""] if has_missed else []
                table.add_row(f"  {escape(label)}", n, *blank, right, interval)
    console.print()
    console.print(table)
    if many:
        console.print(
            f"[dim]the worst {len(shown)} of {len(groups):,} groups; --json has all[/]",
            soft_wrap=True,
        )


def print_difference(difference: Difference, other: str) -> None:
    """Print how much better or worse another model is."""
    low, high = (f"{100 * value:+.1f}" for value in (difference.low, difference.high))
    is_open = ", which includes 0" if difference.low <= 0 <= difference.high else ""
    stdout().print(
        f"\nagainst [bold]{escape(other)}[/]: {100 * difference.value:+.1f} points of accuracy "
        f"(95 % interval {low} to {high}{is_open})\n"
        f"[dim]right here and wrong there: {difference.n_only_here:,} images; the other way "
        f"round: {difference.n_only_there:,}[/]",
        soft_wrap=True,
    )


def _figures_table(report: Report) -> Table:
    table = new_table("", ">", "95 % interval>", Head(style="dim"))
    table.add_row("accuracy", *_with_interval(report.accuracy))
    if without := report.without_twins:
        note = f"{without.n_images:,} without a copy in train"
        table.add_row("  without twins", *_with_interval(without), note)
    if crowd := report.crowd:
        note = f"{crowd.agreed.n_images:,} where over half agree"
        table.add_row("  where they agree", *_with_interval(crowd.agreed), note)
    table.add_row("balanced accuracy", _percent(report.balanced_accuracy), "", "mean recall")
    interval = _interval(*report.macro_f1_interval)
    table.add_row("macro-F1", _percent(report.macro_f1), interval, "mean F1")
    table.add_row("NLL", f"{report.nll:.3f}", "", "lower is better")
    if crowd:
        note = f"{crowd.entropy:.3f} is the least possible"
        table.add_row("against all votes", f"{crowd.cross_entropy:.3f}", "", note)
    by_chance = f"{_percent(report.ece_by_chance)} by chance alone"
    table.add_row("ECE", _percent(report.ece), "", by_chance)
    if halves := report.held_out:
        table.add_row("  held out", _percent(halves.ece), "", "temperature from the other half")
    table.add_row("AURC", f"{report.risk.aurc:.3f}", "", "mean risk of the surest")
    if answers := report.answers:
        note = f"{_percent(answers.coverage)} get an answer"
        table.add_row("right if not uncertain", *_with_interval(answers.right), note)
    return table


def _class_table(report: Report) -> Table:
    table = new_table("class", "images>", "precision>", "recall>", "F1>", "")
    for scores in report.per_class:
        table.add_row(
            escape(scores.name),
            f"{scores.support:,}",
            *map(_percent, (scores.precision, scores.recall, scores.f1)),
            class_bar(0 if math.isnan(scores.f1) else scores.f1, scores.name, report.classes),
        )
    return table


def _counted(share: Share) -> tuple[str, str, str]:
    return f"{share.n_images:,}", *_with_interval(share)


def _with_interval(share: Share) -> tuple[str, str]:
    return _percent(share.value), _interval(share.low, share.high)


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"
