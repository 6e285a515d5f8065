"""Each example runs as its first lines say, where its packages are installed.

Gradio and Streamlit are in no extra, because they bring some hundred MB for two tests: to run
these, pip install gradio streamlit. R comes with apt-get install r-base-core.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livefer.assets.files import PICTURE

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
BGR = cv2.imread(str(PICTURE))


def run(*command: object, cwd: Path) -> str:
    ended = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_page_lists_each_example() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    there = {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}
    assert set(re.findall(r"^\| \[([\w.]+)\]", page, re.MULTILINE)) == there


def test_own_frames(tmp_path: Path) -> None:
    said = run(sys.executable, EXAMPLES / "own_frames.py", PICTURE, PICTURE, cwd=tmp_path)
    assert re.findall(r"^(\S+) s  person 1  happy: ", said, re.MULTILINE) == ["0.00", "0.04"]


def test_own_detector(tmp_path: Path) -> None:
    said = run(sys.executable, EXAMPLES / "own_detector.py", PICTURE, cwd=tmp_path)
    assert said.startswith("happy ")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["own_frames.py"], "usage: python own_frames.py FILE [FILE ...]"),
        (["own_detector.py", "nothing.jpg"], "nothing.jpg does not exist: check the path"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, command: list[str], line: str) -> None:
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / command[0]), *command[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{line}\n")


def test_fastapi() -> None:
    pytest.importorskip("fastapi")
    httpx = pytest.importorskip("httpx")
    app = runpy.run_path(str(EXAMPLES / "fastapi_app.py"))["app"]

    def post(content: bytes) -> Any:
        async def ask() -> Any:
            there = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=there, base_url="http://here") as client:
                return await client.post("/smile", content=content)

        return asyncio.run(ask())

    smile = post(PICTURE.read_bytes())
    assert smile.json()["happy"] > 0.9
    empty = cv2.imencode(".png", np.full((60, 80, 3), 90, np.uint8))[1].tobytes()
    assert post(empty).json() == {"happy": None}
    bad = post(b"no picture")
    assert bad.status_code == 422
    assert "no picture that OpenCV reads" in bad.json()["detail"]


def test_the_notebook_shows_faces_and_results(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(EXAMPLES)
    book = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in book["cells"])
    names: dict[str, Any] = {}
    shown = []
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            body = ast.parse("".join(cell["source"])).body
            last = body.pop() if isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), "notebook", "exec"), names)
            if isinstance(last, ast.Expr):
                shown.append(eval(compile(ast.Expression(last.value), "notebook", "eval"), names))
    face, numbers, result, table = shown
    assert face._repr_png_().startswith(b"\x89PNG")
    assert result._repr_png_().startswith(b"\x89PNG")
    assert numbers[1] == "happy"
    assert list(table["label"]) == ["happy", "happy"]


def test_streamlit() -> None:
    testing = pytest.importorskip(
        "streamlit.testing.v1", reason="needs Streamlit: pip install streamlit"
    )
    page = testing.AppTest.from_file(str(EXAMPLES / "streamlit_app.py"), default_timeout=60).run()
    assert not page.exception
    page.file_uploader[0].upload(PICTURE.name, PICTURE.read_bytes(), "image/jpeg").run()
    assert not page.exception
    assert page.subheader[0].value.startswith("happy ")


def test_gradio() -> None:
    pytest.importorskip("gradio", reason="needs Gradio: pip install gradio")
    names = runpy.run_path(str(EXAMPLES / "gradio_app.py"))
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    drawn, shares = names["recognise"](BGR[:, :, ::-1])
    assert max(shares, key=shares.get) == "happy"
    assert np.abs(drawn[-50:, :, ::-1].astype(int) - BGR[-50:]).max() == 0
    assert names["recognise"](np.zeros((60, 80, 3), np.uint8))[1] == {}
    assert names["recognise"](None) == (None, {})


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R: apt-get install r-base-core")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_r(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"faces{suffix}"
    command = [sys.executable, "-m", "livefer", "analyze", PICTURE, "-o", out, "--workers", "1"]
    run(*command, cwd=tmp_path)
    if suffix == ".parquet":
        asks = 'q("no", !requireNamespace("nanoparquet") && !requireNamespace("arrow"))'
        if subprocess.run(["Rscript", "-e", asks], capture_output=True, check=False).returncode:
            pytest.skip("needs R's package nanoparquet or arrow")
    said = run("Rscript", EXAMPLES / "read_table.R", out, cwd=tmp_path)
    assert "astronaut.jpg" in said
    assert "1 faces, 0.0 % uncertain" in said
