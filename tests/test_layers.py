"""Imports go down only, PyTorch stays in `train`, and importing livefer does nothing.

The layers are those of docs/architecture.md; a new module has to be given a place here.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import livefer

PACKAGE = Path(livefer.__file__).parent

# From the bottom up. A room imports rooms of lower rows only: never one of its own row.
ROWS: tuple[tuple[str, ...], ...] = (
    ("assets", "errors", "faces", "formatting", "labels", "version"),
    ("results", "system"),
    ("classifier", "detection", "drawing", "media", "tables"),
    ("identity", "profiles", "send"),
    ("data", "summary", "tracking"),
    ("evaluation", "recognizer"),
    ("batch", "live", "train", "web"),
    ("speed",),
    ("cli",),
    ("__main__",),
)

ONLY_IN_TRAIN = {"torch", "torchvision", "lightning", "safetensors", "onnx", "onnxscript"}
ONLY_IN_TRAIN |= {"tensorboard", "pydantic", "yaml"}
ONLY_IN_WEB = {"fastapi", "starlette", "uvicorn"}
ONLY_BY_TELEMETRY = {"onnxruntime", "ray"}
"""Packages that report their use: livefer.system.telemetry switches that off, then imports them."""
UP_WHEN_CALLED = {("livefer.results", "livefer.drawing.notebooks")}
"""A notebook asks a result for its picture, and what draws results lies above them."""
ALSO_WHEN_CALLED = {("identity", "onnx")}
"""A room that writes a network from another format, which no torch has made."""
NOT_AT_MODULE_LEVEL = ONLY_IN_TRAIN | ONLY_IN_WEB | {"matplotlib", "PIL", "pygame"}
NOT_AT_MODULE_LEVEL |= {"av", "pyarrow", "pandas", "polars", "fsspec"}
NOT_AT_MODULE_LEVEL |= {"websockets", "pythonosc", "pylsl", "paho"}
"""Outside `train`: heavy or optional packages that a user may lack, or that talk when imported."""


@dataclass(frozen=True)
class Import:
    """One import statement: the module that has it, what it names, and where it stands."""

    module: str
    target: str
    line: int
    at_module_level: bool
    only_for_types: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def imports_of(module: str, tree: ast.Module, is_package: bool = False) -> list[Import]:
    """Return every import statement of a module, `from a import b` as both a and a.b."""
    found: list[Import] = []

    def walk(node: ast.AST, top: bool, types: bool) -> None:
        for child in ast.iter_child_nodes(node):
            names: list[str] = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parents = module.split(".")
                    cut = child.level - 1 if is_package else child.level
                    base = ".".join([*parents[: len(parents) - cut], *filter(None, [base])])
                names = [base, *(f"{base}.{alias.name}" for alias in child.names)]
            found.extend(Import(module, name, child.lineno, top, types) for name in names)
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            checks_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            walk(child, top and not is_function, types or checks_types)

    walk(tree, True, False)
    return found


def read_package() -> dict[str, list[Import]]:
    """Return all imports of every module of the package, by the module's full name."""
    found: dict[str, list[Import]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        is_package = path.name == "__init__.py"
        if not path.stem.isidentifier():  # PyInstaller's hook, which only PyInstaller runs
            continue
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if is_package else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found[module] = imports_of(module, tree, is_package)
    return found


def top_name(module: str) -> str:
    """Return the part below `livefer`, "" for the package itself: livefer.cli.image is cli."""
    return module.split(".")[1] if "." in module else ""


def row_of(room: str) -> int:
    return next((number for number, rooms in enumerate(ROWS) if room in rooms), -1)


def complaint(found: Import) -> str | None:
    """Say what an import does wrong, or None."""
    source, target = top_name(found.module), top_name(found.target)
    package = found.target.split(".")[0]
    lazy = not found.at_module_level or found.only_for_types
    if package in ONLY_BY_TELEMETRY:
        return f'{found}: take it from livefer.system.telemetry.load("{package}")'
    if package != "livefer":
        if source == "train" or package not in NOT_AT_MODULE_LEVEL:
            return None
        if package in ONLY_IN_WEB and source != "web":
            return f"{found}: only livefer.web may"
        # pydantic is a part of fastapi, and uvicorn needs websockets.
        if package in ONLY_IN_WEB or (source == "web" and package in ("pydantic", "websockets")):
            return None
        if (source, package) in ALSO_WHEN_CALLED and lazy:
            return None
        if package in ONLY_IN_TRAIN and not (source == "cli" and lazy):
            return f"{found}: only livefer.train may, and the command line inside a function"
        return None if lazy else f"{found} at module level: do it inside the function that needs it"
    if target in ("", "__version__", source):
        return None
    if target == "train":
        if source == "cli" and lazy:
            return None
        return f"{found}: only the command line may, inside a function"
    if target == "web" and not (source == "cli" and lazy):
        return f"{found}: only the command line may, inside a function"
    here, there = row_of(source), row_of(target)
    if there < 0:
        return f"{found}: a name from the package's top, or a room that ROWS lacks"
    if source == "":
        return f"{found}: the library knows nothing about its commands" if target == "cli" else None
    if lazy and any(
        found.module == module and found.target.startswith(above)
        for module, above in UP_WHEN_CALLED
    ):
        return None
    if there > here:
        return f"{found}: that is up"
    if there == here:
        return f"{found}: rooms of one row never import each other"
    return None


def test_every_room_has_a_row() -> None:
    rooms = {path.stem for path in PACKAGE.glob("*.py")}
    rooms |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"__init__"} == {room for row in ROWS for room in row}


def test_the_ground_floor_is_small() -> None:
    """A new module goes into a room."""
    assert len(list(PACKAGE.glob("*.py"))) == 9


def test_a_room_holds_one_sentence() -> None:
    """A room's `__init__.py` says what it is for, and does nothing.

    That of `cli` has the commands by name, that of `train` the public names that need torch.
    """
    for path in PACKAGE.glob("*/__init__.py"):
        if path.parent.name not in ("cli", "train"):
            (only,) = ast.parse(path.read_text(encoding="utf-8")).body
            assert isinstance(only, ast.Expr), path


def test_the_map_of_the_documents_is_this_one() -> None:
    """docs/architecture.md shows the rows of ROWS, and each room's own sentence."""
    page = PACKAGE.parents[1] / "docs" / "architecture.md"
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert sorted((int(row), room) for row, room, _ in shown) == sorted(
        (number, room) for number, rooms in enumerate(ROWS, 1) for room in rooms
    )
    for _, room, sentence in shown:
        path = PACKAGE / room / "__init__.py"
        if path.is_file():
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert docstring is not None
            assert docstring.splitlines()[0] == sentence


def test_imports_go_down() -> None:
    found = [found for imports in read_package().values() for found in imports]
    assert len(found) > 20
    assert [text for text in map(complaint, found) if text] == []


def test_commands_import_at_the_top() -> None:
    """In functions, they import what an extra brings, so that the help works without it.

    Doctor imports what it checks there, too: a package that does not load is a finding.
    """
    found = [
        str(one)
        for module, imports in read_package().items()
        for one in imports
        if top_name(module) == "cli" and not one.at_module_level
        if top_name(one.target) not in ("train", "web") and not one.target.startswith("torch")
    ]
    assert [text for text in found if not text.startswith("livefer.cli.doctor:")] == []


def test_bench_scripts_report_nothing_either() -> None:
    """Those below bench/peers run other people's packages, as these are."""
    folder = PACKAGE.parents[1] / "bench"
    scripts = sorted({*folder.glob("*.py"), *folder.glob("lib/*.py")})
    assert scripts
    found = [
        str(one)
        for path in scripts
        for one in imports_of(path.stem, ast.parse(path.read_text(encoding="utf-8")))
        if one.target.split(".")[0] in ONLY_BY_TELEMETRY
    ]
    assert found == []


def test_commands_are_imported_when_they_are_called() -> None:
    """The group names its commands; so each of them can import at the top of its file."""
    for module in ("livefer.cli", "livefer.__main__"):
        found = [one for one in read_package()[module] if one.at_module_level]
        assert found
        assert [one for one in found if one.target.startswith("livefer.cli")] == []


def test_no_module_imports_itself_in_a_ring() -> None:
    graph = {
        module: {one.target for one in found if one.at_module_level and not one.only_for_types}
        for module, found in read_package().items()
        if module != "livefer"
    }

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(graph.get(start, ()))
        while ahead:
            module = ahead.pop()
            if module not in seen:
                seen.add(module)
                ahead.extend(graph.get(module, ()))
        return seen

    assert [module for module in graph if module in reachable(module)] == []


@pytest.mark.parametrize(
    ("module", "code", "is_wrong"),
    [
        ("livefer.media.cuts", "from livefer.labels import CLASSES", False),
        ("livefer.media.cuts", "from livefer.media import decoding", False),
        ("livefer.media.cuts", "from .decoding import decode", False),
        ("livefer.media.cuts", "from ..tracking import tracker", True),
        ("livefer.media.cuts", "from livefer.tracking.tracker import Tracker", True),
        ("livefer.media.cuts", "from livefer.drawing.text import Image", True),
        ("livefer.media.cuts", "from livefer import Recognizer", True),
        ("livefer.faces.boxes", "from livefer.labels import CLASSES", True),
        ("livefer.tables.writing", "from livefer.version import __version__", False),
        ("livefer.faces.boxes", "import torch", True),
        ("livefer.faces.boxes", "def f():\n    import torch", True),
        ("livefer.evaluation.plots", "import matplotlib.pyplot", True),
        ("livefer.evaluation.plots", "class A:\n    import matplotlib", True),
        ("livefer.evaluation.plots", "def f():\n    import matplotlib", False),
        ("livefer.evaluation.plots", "if TYPE_CHECKING:\n    import matplotlib", False),
        ("livefer.live.window", "import pygame", True),
        ("livefer.system.onnx_session", "import onnxruntime", True),
        ("livefer.system.telemetry", "import onnxruntime", True),
        ("livefer.train.quantize", "def f():\n    from onnxruntime.quantization import a", True),
        ("livefer.batch.ray_engine", "def f():\n    import ray.data", True),
        ("livefer.system.onnx_session", "from livefer.system import telemetry", False),
        ("livefer.cli.train", "import torch", True),
        ("livefer.cli.train", "def f():\n    import torch", False),
        ("livefer.cli.train", "from livefer.train.fit import fit", True),
        ("livefer.cli.train", "def f():\n    from livefer.train.fit import fit", False),
        ("livefer.evaluation.predict", "def f():\n    from livefer.train.fit import fit", True),
        ("livefer.train.fit", "import torch\nfrom livefer.classifier import x", False),
        ("livefer.train.fit", "from livefer.train.model import ResNetFER", False),
        ("livefer.train.fit", "from livefer.web.limits import Limits", True),
        ("livefer.web.app", "import fastapi", False),
        ("livefer.web.app", "from livefer.web.workers import Engine", False),
        ("livefer.web.app", "from livefer.live.view import LiveView", True),
        ("livefer.web.app", "import torch", True),
        ("livefer.web.schema", "from pydantic import Field", False),
        ("livefer.cli.serve", "def f():\n    import uvicorn", True),
        ("livefer.cli.serve", "def f():\n    from livefer.web.app import make_app", False),
        ("livefer.cli.serve", "from livefer.web.app import make_app", True),
        ("livefer.live.window", "def f():\n    from livefer.web.app import make_app", True),
        ("livefer.results", "from livefer.drawing.notebooks import face_png", True),
        ("livefer.results", "def f():\n    from livefer.drawing.notebooks import a", False),
        ("livefer.results", "def f():\n    from livefer.drawing.faces import a", True),
        ("livefer", "from livefer.recognizer import Recognizer", False),
        ("livefer", "from livefer.cli import main", True),
    ],
)
def test_the_rules_tell_right_from_wrong(module: str, code: str, is_wrong: bool) -> None:
    found = imports_of(module, ast.parse(code), is_package=module == "livefer")
    assert any(map(complaint, found)) is is_wrong


PROBE = """
import json, logging, os, sys, warnings
blocked = set(sys.argv[2].split(","))

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, Blocked())
import numpy, cv2, typer, rich.table  # what these do is not ours

warnings.simplefilter("error")
deeds = []

def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir"):
        deeds.append(event)
    elif event in ("os.putenv", "os.unsetenv"):
        deeds.append(f"{event} {args[0]!r}")
    elif event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        if not str(args[0]).endswith(".pyc") and "__pycache__" not in str(args[0]):
            deeds.append(f"writes {args[0]}")
    elif event == "open" and str(args[0]).endswith((".onnx", ".jpg")):
        deeds.append(f"reads {args[0]}")

loggers = list(logging.root.handlers)
sys.addaudithook(watch)
for name in sys.argv[1].split(","):
    __import__(name)
if logging.root.handlers != loggers:
    deeds.append("sets up logging")
sys.stderr.write(json.dumps(deeds))
"""


def test_importing_does_nothing_and_needs_no_extra(tmp_path: Path) -> None:
    """Every module but `train` and `web` imports without the extras, touching nothing."""
    modules = [module for module in read_package() if top_name(module) not in ("train", "web")]
    absent = ",".join(sorted(NOT_AT_MODULE_LEVEL - {"pygame"} | ONLY_BY_TELEMETRY))
    ended = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, ",".join(modules), absent],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    assert json.loads(ended.stderr) == []
    assert list(tmp_path.iterdir()) == []
