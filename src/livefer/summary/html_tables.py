"""The report's tables of people: figures, bars and portraits, everything escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from livefer.formatting import clock, length
from livefer.summary.key_frames import KeyFrame
from livefer.summary.records import Person, Pictures


def people_tables(
    persons: Sequence[Person], classes: Sequence[str], thumbs: Mapping[int, KeyFrame]
) -> str:
    """Return the tables of people: shares with a bar, then everything else."""
    shares, rest = [], []
    for person in persons:
        frame = None if person.track_id is None else thumbs.get(person.track_id)
        face = f'<img src="{image_data(frame.jpeg)}" alt="">' if frame else ""
        name = f'<th scope="row"><span class="who">{face}{escape(person.name)}</span></th>'
        shares.append(
            f"<tr>{name}<td>{length(person.seen_s)}</td>{share_cells(person, classes)}</tr>"
        )
        rate = person.transitions_per_min
        stretches = sorted(person.longest.items(), key=lambda item: -item[1].length_s)[:3]
        longest = " ".join(
            f'<span class="stretch"><span class="dot c{classes.index(label)}"></span>'
            f"{escape(label)} {length(s.length_s)} "
            f'<span class="faint">from {clock(s.start_s)}</span></span>'
            for label, s in stretches
        )
        rest.append(
            f'<tr><th scope="row">{escape(person.name)}</th>'
            f"<td>{clock(person.first_s)}</td><td>{clock(person.last_s)}</td>"
            f"<td>{person.confidence:.0%}</td><td>{person.n_transitions:,}</td>"
            f"<td>{'–' if rate is None else f'{rate:.1f}'}</td>"
            f'<td class="text">{longest or "–"}</td></tr>'
        )
    head = ("", "seen", "", *classes, "uncertain")
    return (
        '<h3>Share of the time seen</h3>\n<p class="faint">What each person\'s face was called, '
        "weighted by time. Uncertain time counts for no expression.</p>\n"
        + table(head, shares)
        + "\n<h3>Changes and longest stretches</h3>\n"
        '<p class="faint">Changes from one certain label to another, and those per minute with '
        "a certain label. A stretch ends with another label, with doubt, or with more than half a "
        "second out of view.</p>\n"
        + table(
            ("", "first", "last", "mean confidence", "changes", "per minute", "longest stretches"),
            rest,
        )
    )


def share_cells(figures: Person | Pictures, classes: Sequence[str]) -> str:
    """Return a bar of the shares, and a cell for each of them and for what is uncertain."""
    words = ", ".join(f"{name} {share:.0%}" for name, share in figures.shares.items() if share)
    bar = "".join(
        f'<i class="c{i}" style="width:{100 * figures.shares[name]:.2f}%"></i>'
        for i, name in enumerate(classes)
        if figures.shares[name] > 0
    )
    bar += f'<i class="doubt" style="width:{100 * figures.uncertain:.2f}%"></i>'
    top = max(figures.shares.values(), default=0.0)
    cells = "".join(
        f"<td{_weight(figures.shares[name], top)}>{figures.shares[name]:.0%}</td>"
        for name in classes
    )
    label = escape(f"{words}, uncertain {figures.uncertain:.0%}")
    return (
        f'<td class="text"><span class="bar" role="img" aria-label="{label}">{bar}</span></td>'
        f"{cells}<td>{figures.uncertain:.0%}</td>"
    )


def _weight(share: float, top: float) -> str:
    if share < 0.005:
        return ' class="none"'
    return ' class="top"' if share == top else ""


def table(head: Sequence[str], rows: Sequence[str], n_text: int = 0) -> str:
    """Return a table; its last n_text columns and longest stretches hold text."""
    names = []
    for number, name in enumerate(head):
        is_text = number == 0 or number >= len(head) - n_text or name == "longest stretches"
        names.append(f'<th scope="col"{" class=text" if is_text else ""}>{escape(name)}</th>')
    return (
        f'<div class="scroll"><table>\n<thead><tr>{"".join(names)}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table></div>"
    )


def image_data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
