"""A table's figures and pictures as one HTML file that loads nothing: no network, no script.

It follows the reader's light or dark setting and can be printed. All text from a table, a file name
or a model is escaped. The style is `report.css` in assets.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape

from livefer.assets.files import FOLDER
from livefer.drawing.text import Image
from livefer.formatting import clock, count, length, short_name, short_names
from livefer.labels import colour_hex
from livefer.summary.key_frames import KeyFrame, portraits
from livefer.summary.records import (
    Person,
    Pictures,
    SourceSummary,
    Summary,
    Trouble,
    kind_of,
)
from livefer.summary.timeline import shown_persons, timeline_picture, timeline_svg
from livefer.version import __version__

MOST_TIMELINES = 20
_HEADINGS = re.compile(r'<section id="([\w-]+)">\s*<h2>(.*?)</h2>')
_MOST_PERSONS = 40
_MOST_ERRORS = 200
_MOST_SOURCES = 500


def report_html(
    summary: Summary,
    title: str,
    about: Mapping[str, str],
    key_frames: Mapping[str, Sequence[KeyFrame]] | None = None,
) -> str:
    """Return a report as one HTML document.

    The MOST_TIMELINES longest videos have a section each; all videos are in the overview.

    about: how the table was made: names and values, as from `about_model`
    key_frames: by source

    MissingExtraError where matplotlib is missing.
    """
    key_frames = key_frames or {}
    longest = sorted(summary.sources, key=lambda s: -s.frames_s)[:MOST_TIMELINES]
    names = short_names(source.source for source in summary.sources)
    sections = []
    if len(summary.sources) > 1:
        sections.append(_overview(summary, longest, names))
    for number, source in enumerate(summary.sources):
        if source in longest:
            frames = key_frames.get(source.source, ())
            sections.append(_source(source, number, summary, frames, names[source.source]))
    if summary.pictures is not None:
        sections.append(_pictures(summary.pictures))
    sections += [_troubles(summary.troubles), _how(about)]
    parts = [_head(summary, title), _contents(sections), *sections]
    style = (FOLDER / "report.css").read_text(encoding="utf-8")
    colours = "".join(
        f".c{i} {{ --c: {colour_hex(name, summary.classes)}; }}\n"
        for i, name in enumerate(summary.classes)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}{colours}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def about_model(name: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a model file's metadata as names and values for a report."""
    about = {"model": name}
    try:
        figures = json.loads(metadata.get("metrics", "{}"))
        about["measured"] = (
            f"{figures['accuracy']:.1%} of {figures['n_images']:,} images right on "
            f"{figures['split']}, macro-F1 {figures['macro_f1']:.3f}"
        )
    except (ValueError, KeyError, TypeError):
        pass  # models from elsewhere may lack it
    for key, words in (
        ("network", "network"),
        ("training_data", "trained on"),
        ("uncertain_below", "uncertain below a confidence of"),
        ("temperature", "temperature of the softmax"),
        ("date", "exported on"),
        ("livefer_version", "exported by livefer"),
        ("commit", "from commit"),
    ):
        if key in metadata:
            about[words] = metadata[key]
    return about


def _contents(sections: Sequence[str]) -> str:
    """Return the bar that leads to each section: by its id and its heading."""
    found = [m for section in sections for m in _HEADINGS.finditer(section)]
    links = "".join(f'<a href="#{m[1]}">{m[2]}</a>' for m in found)
    return f'<nav aria-label="contents">{links}</nav>'


def _head(summary: Summary, title: str) -> str:
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    cells = "".join(
        f"<li><b>{escape(figure)}</b> <span>{escape(words)}</span></li>"
        for figure, words in _tiles(summary)
    )
    return (
        f'<header>\n<p class="kind">Facial expressions</p>\n<h1>{escape(title)}</h1>\n'
        f'<p class="faint">livefer {__version__} · {made}</p>\n<ul class="tiles">{cells}</ul>\n'
        "</header>"
    )


def _tiles(summary: Summary) -> list[tuple[str, str]]:
    """Return the figures at the top, each with its words."""
    tiles = []
    if summary.sources:
        n_frames = sum(s.n_frames for s in summary.sources)
        n_without = sum(s.n_without_face for s in summary.sources)
        footage_s = sum(s.frames_s for s in summary.sources)
        persons = [p for s in summary.sources for p in s.followed]
        seen_s = sum(p.seen_s for p in persons)
        uncertain = sum(p.uncertain * p.seen_s for p in persons) / max(seen_s, 1e-9)
        tiles = [
            (length(footage_s), f"of footage in {count(len(summary.sources), 'video')}"),
            (f"{n_frames:,}", "frames looked at"),
            _number_of(persons),
            (f"{1 - n_without / max(n_frames, 1):.0%}", "of the frames have a face"),
            (f"{uncertain:.0%}", "of the time seen is uncertain"),
        ]
    elif summary.pictures is not None:
        tiles = [
            (f"{summary.pictures.n_pictures:,}", "pictures"),
            (f"{summary.pictures.n_faces:,}", "faces"),
            (f"{summary.pictures.uncertain:.0%}", "of the faces are uncertain"),
        ]
    if n := len(summary.troubles):
        tiles.append((f"{n:,}", "not readable" if n != 1 else "place not readable"))
    return tiles


def _number_of(persons: Sequence[Person]) -> tuple[str, str]:
    """Return how many there are, and the words behind it; a person may be in several films."""
    if kind_of(persons) == "person":
        n, words = len({person.name for person in persons}), ("person", "people")
    else:
        n, words = len(persons), ("track of faces", "tracks of faces")
    return f"{n:,}", words[n != 1]


@dataclass(frozen=True)
class _Pooled:
    """The shares of the time seen of all tracks of a film together."""

    shares: dict[str, float]
    uncertain: float


def _pooled(persons: Sequence[Person], classes: Sequence[str]) -> _Pooled:
    seen_s = max(sum(p.seen_s for p in persons), 1e-9)
    shares = {c: sum(p.shares[c] * p.seen_s for p in persons) / seen_s for c in classes}
    return _Pooled(shares, sum(p.uncertain * p.seen_s for p in persons) / seen_s)


def _overview(summary: Summary, longest: Sequence[SourceSummary], names: Mapping[str, str]) -> str:
    """Return the table of films and the share of each expression."""
    rows = []
    for number, source in enumerate(summary.sources[:_MOST_SOURCES]):
        name = escape(names[source.source])
        if source in longest:
            name = f'<a href="#source-{number}">{name}</a>'
        pooled = _pooled(source.followed, summary.classes)
        cells = _share_cells(pooled, summary.classes)
        if not source.followed:
            cells = f'<td class="text faint" colspan="{len(summary.classes) + 2}">no face</td>'
        rows.append(
            f'<tr><th scope="row" class="name">{name}</th>{cells}'
            f"<td>{1 - source.n_without_face / max(source.n_frames, 1):.0%}</td>"
            f"<td>{length(source.frames_s)}</td><td>{len(source.followed):,}</td></tr>"
        )
    kind = kind_of(p for s in summary.sources for p in s.followed)
    more = len(summary.sources) - _MOST_SOURCES
    tail = f'<p class="faint">and {more:,} more</p>' if more > 0 else ""
    head = ("film", "", *summary.classes, "uncertain", "face in view", "length")
    head = (*head, "people" if kind == "person" else "tracks")
    return (
        '<section id="films">\n<h2>Films</h2>\n<p class="faint">Share of each expression, of the '
        "time in which a face was seen. Of several faces, all count. Uncertain time counts for no "
        f"expression.</p>\n{_table(head, rows)}{tail}</section>"
    )


def _source(
    source: SourceSummary,
    number: int,
    summary: Summary,
    frames: Sequence[KeyFrame],
    name: str,
) -> str:
    faces = portraits(frames)
    by_seen = sorted(source.followed, key=lambda p: -p.seen_s)[:_MOST_PERSONS]
    persons = [p for p in source.followed if p in by_seen]
    is_alone = len(summary.sources) == 1 and summary.pictures is None
    kind = kind_of(source.followed)
    head = ("People" if kind == "person" else "Tracks") if is_alone else escape(name)
    parts = [f'<section id="source-{number}">\n<h2>{head}</h2>']
    span = f"{clock(source.first_s)}–{clock(source.last_s)}"
    parts.append(
        f'<p class="faint">{length(source.frames_s)} looked at ({span}) · '
        f"{count(source.n_frames, 'frame')} · "
        f"{count(len(source.followed), kind)}</p>"
    )
    if persons:
        parts.append(_shares_table(persons, summary.classes, frames))
        parts.append(_changes_table(persons, summary.classes))
        if more := len(source.followed) - len(persons):
            parts.append(f'<p class="faint">and {more:,} more, seen for a shorter time</p>')
    else:
        parts.append("<p>No face was found.</p>")
    parts.append(_timeline(source, number, summary.classes, faces))
    shown = {p.track_id for p in shown_persons(source)}
    named = {p.track_id: p.name for p in source.persons}
    parts.append(_gallery([f for f in frames if f.track_id in shown], summary.classes, named))
    if lines := source.left_out():
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        parts.append(f"<h3>Left out</h3>\n<ul>{items}</ul>")
    return "\n".join(part for part in parts if part) + "\n</section>"


def _shares_table(
    persons: Sequence[Person], classes: Sequence[str], frames: Sequence[KeyFrame]
) -> str:
    thumbs = {f.track_id: f for f in reversed(frames)}
    rows = []
    for person in persons:
        frame = None if person.track_id is None else thumbs.get(person.track_id)
        face = f'<img src="{_image_data(frame.jpeg)}" alt="">' if frame else ""
        rows.append(
            f'<tr><th scope="row"><span class="who">{face}{escape(person.name)}</span></th>'
            f"<td>{length(person.seen_s)}</td>{_share_cells(person, classes)}</tr>"
        )
    return (
        '<h3>Share of the time seen</h3>\n<p class="faint">The labels of each face, '
        "weighted by time. Uncertain time counts for no expression.</p>\n"
        + _table(("", "seen", "", *classes, "uncertain"), rows)
    )


def _changes_table(persons: Sequence[Person], classes: Sequence[str]) -> str:
    rows = []
    for person in persons:
        rate = person.transitions_per_min
        stretches = sorted(person.longest.items(), key=lambda item: -item[1].length_s)[:3]
        longest = " ".join(
            f'<span class="stretch"><span class="dot c{classes.index(label)}"></span>'
            f"{escape(label)} {length(s.length_s)} "
            f'<span class="faint">from {clock(s.start_s)}</span></span>'
            for label, s in stretches
        )
        rows.append(
            f'<tr><th scope="row">{escape(person.name)}</th>'
            f"<td>{clock(person.first_s)}</td><td>{clock(person.last_s)}</td>"
            f"<td>{person.confidence:.0%}</td><td>{person.n_transitions:,}</td>"
            f"<td>{'–' if rate is None else f'{rate:.1f}'}</td>"
            f'<td class="text">{longest or "–"}</td></tr>'
        )
    head = ("", "first", "last", "mean confidence", "changes", "per minute", "longest stretches")
    return (
        '<h3>Changes and longest stretches</h3>\n<p class="faint">A change is from one certain '
        "label to another; the rate is per minute with a certain label. A stretch ends at another "
        "label, at an uncertain one, or when the face is out of view for more than half a second."
        "</p>\n" + _table(head, rows, 1)
    )


def _timeline(
    source: SourceSummary, number: int, classes: Sequence[str], faces: Mapping[int | None, Image]
) -> str:
    if not source.persons:
        return ""
    svg = timeline_svg(timeline_picture(source, classes, faces, title=""), f"source-{number}")
    label = escape(f"Probabilities of the expressions of each face in {source.source} over time")
    return (
        f'<h3>Over time</h3>\n<figure class="timeline" role="img" aria-label="{label}">{svg}'
        f"<figcaption>Each row is a {kind_of(source.followed)}; its bands are the probabilities of "
        "the expressions. "
        "Hatched: uncertain, not to be relied on. Empty: the face was not found."
        "</figcaption></figure>"
    )


def _gallery(
    frames: Sequence[KeyFrame], classes: Sequence[str], named: Mapping[int | None, str]
) -> str:
    if not frames:
        return ""
    rows = []
    certain = [frame for frame in frames if not frame.uncertain]
    for track_id in dict.fromkeys(frame.track_id for frame in certain):
        cards = "".join(_certain_card(f, classes) for f in certain if f.track_id == track_id)
        rows.append(f'<h4>{escape(named[track_id])}</h4><ul class="faces">{cards}</ul>')
    if others := "".join(_card(f, escape(named[f.track_id])) for f in frames if f.uncertain):
        rows.append(f'<h4>never certain</h4><ul class="faces">{others}</ul>')
    return (
        '<h3>Key frames</h3>\n<p class="faint">For each expression the moment at which the network '
        "was most confident; for a face that was never certain, the least uncertain moment. Check "
        "them before you trust the figures.</p>\n" + "\n".join(rows)
    )


def _certain_card(frame: KeyFrame, classes: Sequence[str]) -> str:
    dot = f'<span class="dot c{classes.index(frame.label)}"></span>'
    return _card(frame, escape(frame.label), f" {frame.confidence:.0%}", dot)


def _card(frame: KeyFrame, what: str, more: str = "", dot: str = "") -> str:
    return (
        f'<li><img src="{_image_data(frame.jpeg)}" alt="{what}"><span>{dot}{what}{more}<br>'
        f'<span class="faint">at {clock(frame.time_s)}</span></span></li>'
    )


def _pictures(pictures: Pictures) -> str:
    classes = tuple(pictures.shares)
    row = (
        f'<tr><th scope="row">all faces</th><td>{pictures.n_faces:,}</td>'
        f"{_share_cells(pictures, classes)}</tr>"
    )
    notes = [f"{count(pictures.n_without_face, 'picture')} without a face"]
    notes += [f"{n:,} {note}" for note, n in pictures.notes.items()]
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    head = ("", "faces", "", *classes, "uncertain")
    return (
        f'<section id="pictures">\n<h2>{count(pictures.n_pictures, "picture")}</h2>\n'
        f"{_table(head, [row])}\n<ul>{items}</ul>\n</section>"
    )


def _troubles(troubles: Sequence[Trouble]) -> str:
    if not troubles:
        return ""
    rows = [
        f'<tr><th scope="row" class="name">{escape(short_name(t.source))}</th>'
        f'<td>{clock(t.time_s)}</td><td class="text">{escape(t.error)}</td></tr>'
        for t in troubles[:_MOST_ERRORS]
    ]
    more = len(troubles) - _MOST_ERRORS
    tail = f'<p class="faint">and {more:,} more</p>' if more > 0 else ""
    head = ("file", "at", "reason")
    return (
        f'<section id="errors">\n<h2>Not readable</h2>\n{_table(head, rows, 1)}{tail}\n</section>'
    )


def _how(about: Mapping[str, str]) -> str:
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in {"livefer": __version__, **about}.items()
    )
    return (
        f'<section id="how">\n<h2>How this was made</h2>\n<dl>{rows}</dl>\n'
        '<p class="faint">An expression is what a face shows, not what a person feels. The '
        "network is often wrong; its model card tells how often, and on which faces. Do not base a "
        "decision about a person on these figures.</p>\n</section>"
    )


def _share_cells(figures: Person | Pictures | _Pooled, classes: Sequence[str]) -> str:
    """Return the cells of a row: a bar of the shares, each share, and the uncertain rest."""
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


def _table(head: Sequence[str], rows: Sequence[str], n_text: int = 0) -> str:
    """Return a table; its first and its last n_text columns hold text."""
    names = []
    for number, name in enumerate(head):
        is_text = number == 0 or number >= len(head) - n_text
        names.append(f'<th scope="col"{" class=text" if is_text else ""}>{escape(name)}</th>')
    return (
        f'<div class="scroll"><table>\n<thead><tr>{"".join(names)}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table></div>"
    )


def _image_data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
