"""Links in the documents, and references from code to docs/experiments, lead to what is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "docs" / "experiments"
TOPICS = sorted(EXPERIMENTS.glob("[a-z]*.md"))
_FOLDERS = ("", "docs/**/", "examples/", ".github/**/")
DOCUMENTS = sorted(path for folder in _FOLDERS for path in ROOT.glob(f"{folder}*.md"))

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")
_REFERENCE = re.compile(r"docs/experiments(?:/[\w.-]+)*(?:#[\w-]+)?")


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a Markdown file; a repeated heading gets a number behind it."""
    counts: dict[str, int] = {}
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for heading in re.findall(r"^#{1,6} +(.+)$", text, re.MULTILINE):
        counts[slug(heading)] = counts.get(slug(heading), 0) + 1
    return frozenset(
        name if i == 0 else f"{name}-{i}" for name, n in counts.items() for i in range(n)
    )


def resolves(target: str, start: Path) -> bool:
    """Whether a relative link, seen from the file `start`, leads to a file and its anchor."""
    name, _, anchor = target.partition("#")
    path = (start.parent / name).resolve() if name else start
    if not path.exists():
        return False
    return not anchor or (path.suffix == ".md" and anchor in anchors(path))


def links(text: str) -> list[str]:
    """Return the relative links of a Markdown text, without those in code."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def test_links_of_the_documents_lead_somewhere() -> None:
    found = [(path, link) for path in DOCUMENTS for link in links(path.read_text(encoding="utf-8"))]
    assert len(found) > 50
    assert [(path.name, link) for path, link in found if not resolves(link, path)] == []


def test_references_to_experiments_lead_somewhere() -> None:
    """A comment names the file and the anchor, `docs/experiments/TOPIC.md#ENTRY`."""
    files = [
        path
        for folder in ("src", "bench", "scripts", "tests", "configs", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".in", ".yaml", ".js", ".html", ".txt", ""}
        and path.is_file()
        and path != Path(__file__)
    ]
    found = [
        (path, reference.rstrip("."))
        for path in files
        for reference in _REFERENCE.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 10
    assert [
        (path.name, reference)
        for path, reference in found
        if not resolves(reference, ROOT / "README.md")
    ] == []
    code = [reference for path, reference in found if path.suffix == ".py"]
    assert [reference for reference in code if "#" not in reference] == []


def test_the_index_of_experiments_names_each_entry_once() -> None:
    index = links((EXPERIMENTS / "README.md").read_text(encoding="utf-8"))
    named = sorted(link for link in index if "#" in link and not link.startswith("#"))
    entries = [
        f"{path.name}#{slug(heading)}"
        for path in TOPICS
        for heading in re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert named == sorted(entries)


@pytest.mark.parametrize("path", TOPICS, ids=lambda path: path.stem)
def test_experiments_stand_newest_first(path: Path) -> None:
    headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    dates = [heading[:10] for heading in headings]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)
    assert dates == sorted(dates, reverse=True)


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A: title, `x`\n\n# A: title, `x`\n```\n# no heading\n```\n")
    assert anchors(page) == {"a-title-x", "a-title-x-1"}
    assert resolves("#a-title-x", page)
    assert resolves("page.md#a-title-x-1", tmp_path / "other.md")
    assert not resolves("page.md#no-heading", tmp_path / "other.md")
    assert not resolves("none.md", page)
    text = "[a](b.md) `[c](d.md)` ![e](f.png) [g](https://h.example)\n```\n[i](j.md)\n```\n"
    assert links(text) == ["b.md", "f.png"]
