"""How a table was made, in a file beside it: CSV and JSON lines have no place for it.

clip.csv has clip.csv.json: one object of names and texts, as a Parquet file has in its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from livefer.system.atomic import replacing

SCHEMA = "livefer.schema"
VERSION, MODEL, SEARCH = "livefer.version", "livefer.model", "livefer.search"
HOW_MADE = {
    MODEL: "model",
    "livefer.model_sha256": "SHA-256 of the model",
    "livefer.detector": "detector",
    "livefer.min_score": "faces of a score from",
    SEARCH: "searched for faces",
    "livefer.faces": "faces that count",
    "livefer.prior": "class frequencies taken out",
    "livefer.uncertain_below": "uncertain below a confidence of",
    "livefer.smoothing_s": "averaged over, seconds",
    "livefer.profile": "profile",
    "livefer.baseline": "resting face from",
    "livefer.min_seen_s": "tracks left out, seen for less than, seconds",
    VERSION: "recognised by livefer",
}
"""The keys that tell how a table's rows were made, and what a report calls them."""


def sidecar_of(table: Path) -> Path:
    """Return the name of the file beside a table."""
    return table.with_name(f"{table.name}.json")


def write_sidecar(table: Path, metadata: Mapping[str, str]) -> Path:
    """Write how a table was made beside it, and return the file's name."""
    path = sidecar_of(table)
    with replacing(path) as part:
        part.write_text(json.dumps(dict(metadata), indent=2) + "\n", encoding="utf-8")
    return path


def read_sidecar(table: Path) -> dict[str, str]:
    """Return how a table was made; nothing where there is no file beside it."""
    try:
        found = json.loads(sidecar_of(table).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or SCHEMA not in found:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def drop_sidecar(table: Path) -> None:
    """Remove the file beside an earlier table of this name."""
    if read_sidecar(table):
        sidecar_of(table).unlink()


def how_made(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return how a table's rows were made, in the words of a report."""
    return {words: metadata[key] for key, words in HOW_MADE.items() if key in metadata}
