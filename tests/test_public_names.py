"""The names of `livefer` itself: found in any order of imports, typed, and in the documents."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import livefer
import livefer.train

PACKAGE = Path(livefer.__file__).parent
ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def rooms() -> set[str]:
    return {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }


def test_no_name_is_called_like_a_room() -> None:
    """`import livefer.summary` sets the attribute `summary`, in place of anything called so."""
    assert set(livefer._HOMES) & rooms() == set()


def test_names_stay_themselves_when_all_modules_are_imported() -> None:
    code = """
import importlib, json, pkgutil, sys, livefer
skipped = ("livefer.train", "livefer.web", "livefer.cli", "livefer.__main__")
for module in pkgutil.walk_packages(livefer.__path__, "livefer."):
    if not module.name.startswith(skipped):
        importlib.import_module(module.name)
found = {name: getattr(livefer, name) for name in livefer._HOMES}
print(json.dumps({n: getattr(v, "__module__", None) for n, v in found.items()}))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = json.loads(ended.stdout)
    assert modules.pop("CLASSES") is None  # a tuple
    assert modules == {n: f"livefer.{h}" for n, h in livefer._HOMES.items() if n != "CLASSES"}


def test_type_checkers_know_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.asname: (node.module or "").removeprefix("livefer.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert typed == livefer._HOMES
    assert set(livefer.__all__) == {"__version__", *livefer._HOMES} <= set(dir(livefer))


def test_an_unknown_name_raises_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        livefer.nothing  # noqa: B018


def test_documents_use_no_name_of_a_room() -> None:
    """What they show is public, so that no user has to know a room.

    `livefer.train` has public names, too: those that need torch.
    """
    names = "|".join(sorted(rooms() - {"train"}))
    of_train = "|".join(livefer.train._HOMES)
    pattern = re.compile(
        rf"(?:from|import) livefer\.(?!__main__|train import)\w+|\blivefer\.(?:{names})\.\w+"
        rf"|\blivefer\.train\.(?!(?:{of_train})\b)\w+"
    )
    found = {path.name: pattern.findall(path.read_text(encoding="utf-8")) for path in DOCUMENTS}
    found.pop("architecture.md")  # it is about the rooms
    assert {name: names for name, names in found.items() if names} == {}


def test_the_page_about_python_lists_each_name_once() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `livefer\.(\w+)`", page, re.MULTILINE)
    assert sorted(listed) == sorted(livefer.__all__)
