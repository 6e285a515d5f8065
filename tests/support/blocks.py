"""Fenced blocks of Markdown pages, which the tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
_SERVER = "//localhost:8000/"  # where the examples expect `livefer serve`

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\S*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_REASON = re.compile(r"not run in the tests: (\S.*)")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, its language, its text, and why it is not run, if so."""

    line: int
    language: str
    code: str
    reason: str | None


def at_server(code: str, url: str) -> str:
    """Return an example for a server at an address of its own, as http://127.0.0.1:1234/."""
    return code.replace(_SERVER, url.removeprefix("http:"))


def read_blocks(text: str) -> list[Block]:
    blocks = []
    for match in _BLOCK.finditer(text):
        reason = _REASON.fullmatch(match["mark"] or "")
        line = text[: match.start("code")].count("\n")
        blocks.append(Block(line, match["language"], match["code"], reason and reason[1]))
    return blocks
