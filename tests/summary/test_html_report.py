"""The report is one complete page: figures and pictures, and nothing that is loaded."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
import cv2
from tablerows import make_row, make_rows

from livefer.labels import CLASSES
from livefer.summary.html_report import about_model, report_html
from livefer.summary.key_frames import KeyFrame
from livefer.summary.summarize import summarize

pytestmark = pytest.mark.slow

NASTY = "<script>alert(1)</script> \"&'.mp4"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Reads a page; its tags have to close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += f"{data} "


def make_jpeg() -> bytes:
    return cv2.imencode(".jpg", np.full((64, 64, 3), 120, np.uint8))[1].tobytes()


def make_report(rows: list[dict[str, Any]], **more: Any) -> Page:
    fields = {"title": NASTY, "about": {"model": NASTY}, **more}
    return Page(report_html(summarize(rows, CLASSES), **fields))


def test_it_has_figures_timeline_key_frames_and_what_was_left_out() -> None:
    rows = make_rows(["happy"] * 60 + ["sad?"] * 20 + ["sad"] * 20 + [""] * 10, source=NASTY)
    rows += [make_row(11.0, source=NASTY, note="too dark", n_skipped=3)]
    rows += [make_row(11.1, source=NASTY, error="<b>cut</b> short")]
    frames = [KeyFrame(1, "happy", 2.0, 0.97, make_jpeg())]
    page = make_report(rows, key_frames={NASTY: frames})
    words = " ".join(page.text.split())
    for text in ("track 1", "60%", "20%", "happy 6.0 s", "Over time", "Key frames", "97%",
                 "11 frames without a face", "1 frame too dark", "3 frames skipped",
                 "<b>cut</b> short", "How this was made"):  # fmt: skip
        assert text in words, text
    tags = [tag for tag, _ in page.tags]
    assert tags.count("svg") == 1
    assert tags.count("img") == 2, "beside the name and as a key frame"


def test_a_person_who_was_never_certain_has_a_picture_and_no_expression() -> None:
    rows = make_rows(["happy"] * 30, source="a.mp4")
    rows += make_rows(["sad?"] * 30, source="a.mp4", track_id=2)
    frames = [
        KeyFrame(1, "happy", 2.0, 0.97, make_jpeg()),
        KeyFrame(2, "sad", 1.0, 0.41, make_jpeg(), uncertain=True),
    ]
    page = make_report(rows, key_frames={"a.mp4": frames})
    assert "happy 97% at 0:02 never certain track 2 at 0:01" in " ".join(page.text.split())
    assert [tag for tag, _ in page.tags].count("img") == 4


def test_it_runs_nothing_and_loads_nothing() -> None:
    rows = make_rows(["happy"] * 20, source=NASTY)
    frames = [KeyFrame(1, "happy", 2.0, 0.97, make_jpeg())]
    page = make_report(rows, key_frames={NASTY: frames})
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or ""
            assert re.match(r"(data:image/|#|$)", value), (tag, value)
    assert NASTY in page.text, "the name is shown as it is"


def test_several_videos_pictures_and_unreadable_files() -> None:
    rows = make_rows(["happy"] * 20, source="a.mp4") + make_rows([""] * 20, source="b.mp4")
    rows += make_rows(["sad?"] * 5 + ["sad"] * 9, source="d.mp4")
    rows += [make_row(0.0, "sad", None, source="a.jpg")]
    rows += [make_row(0.0, source="c.mp4", error="c.mp4 is empty")]
    page = make_report(rows)
    words = " ".join(page.text.split())
    for text in ("Films", "a.mp4", "b.mp4", "No face was found", "1 picture", "c.mp4 is empty"):
        assert text in words, text
    all_ids = [a["id"] for _, a in page.tags if a.get("id")]
    svgs = [tag for tag, _ in page.tags].count("svg")
    assert svgs == 2
    assert len(all_ids) == len(set(all_ids))
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    ids = {f"#{a['id']}" for tag, a in page.tags if tag == "section"}
    films = {"#source-0", "#source-1", "#source-2"}
    assert set(links) == ids == {"#films", *films, "#pictures", "#errors", "#how"}
    assert [links.count(film) for film in films] == [2, 2, 2], "in the bar and in the table"


def test_a_report_of_pictures_alone() -> None:
    page = make_report([make_row(0.0, "sad", None, source=f"{i}.jpg") for i in range(3)])
    words = " ".join(page.text.split())
    assert "3 pictures" in words
    assert "Over time" not in words


def test_a_model_is_described_by_its_metadata() -> None:
    metrics = '{"split": "val", "n_images": 3589, "accuracy": 0.6612, "macro_f1": 0.6132}'
    about = about_model("mine", {"metrics": metrics, "training_data": "fer2013"})
    assert about["model"] == "mine"
    assert about["measured"] == "66.1% of 3,589 images right on val, macro-F1 0.613"
    assert about["trained on"] == "fer2013"
    assert about_model("odd", {"metrics": "[]"}) == {"model": "odd"}
