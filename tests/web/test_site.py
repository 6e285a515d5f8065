"""The page as a folder: complete, small, and nothing of a server in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from runtime import installed_runtime, runtime_archive
from typer.testing import CliRunner

from livefer import EmotionClassifier
from livefer.cli import app
from livefer.errors import ConfigError, LiveferError, ModelError
from livefer.web.runtime import CHECKSUM, FILES, download_runtime, runtime_folder
from livefer.web.site import index_html, write_site


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with installed_runtime(tmp_path_factory.mktemp("cache")) as folder:
        yield folder


@pytest.fixture(scope="module")
def human() -> EmotionClassifier:
    return EmotionClassifier("human")


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_runtime_is_a_small_part_of_the_archive(runtime: Path) -> None:
    assert names(runtime) == set(FILES)
    assert "Copyright (c) Microsoft Corporation" in (runtime / "LICENSE").read_text()
    assert runtime_folder() == runtime
    assert download_runtime() == runtime, "a second time needs no network"


def test_another_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "other.tgz").write_bytes(b"no archive")
    ended = CliRunner().invoke(
        app, ["download", "browser-runtime", "--from", str(tmp_path / "other.tgz")]
    )
    assert isinstance(ended.exception, ModelError)
    assert f"instead of {CHECKSUM}" in str(ended.exception)
    assert runtime_folder() is None
    assert not (tmp_path / "cache").exists()


def test_without_the_runtime_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path))
    ended = CliRunner().invoke(app, ["page", str(tmp_path / "site")])
    assert isinstance(ended.exception, ModelError)
    assert "livefer download browser-runtime" in str(ended.exception)
    assert not (tmp_path / "site").exists()


def test_the_folder_is_complete_and_small(runtime: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "site"
    ended = CliRunner().invoke(app, ["page", str(out)], catch_exceptions=False)
    assert ended.exit_code == 0
    assert f"http.server -d {out} 8080" in ended.stdout
    found = names(out)
    assert {"index.html", "livefer.json", "manifest.webmanifest", "service-worker.js"} <= found
    assert {f"runtime/{name}" for name in FILES} <= found
    card = json.loads((out / "livefer.json").read_text())
    assert [model["name"] for model in card["models"]] == ["human", "fer2013"]
    for model in card["models"]:
        assert {model["file"], *(one["file"] for one in model["weights"])} <= found
    assert not [name for name in found if "float" in name]
    assert sum((out / name).stat().st_size for name in found) < 9e6
    # Every file that the service worker keeps is there, and none of the page is missing.
    worker = (out / "service-worker.js").read_text()
    about = json.loads(worker[worker.index("{") : worker.index(";")])
    kept = set(about["files"]) - {"./"}
    assert found - kept == {"index.html", "runtime/LICENSE", "service-worker.js"}
    manifest = json.loads((out / "manifest.webmanifest").read_text())
    assert {icon["src"] for icon in manifest["icons"]} <= found
    assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_every_import_of_the_page_leads_to_a_file(
    runtime: Path, human: EmotionClassifier, tmp_path: Path
) -> None:
    write_site(tmp_path, [human])
    scripts = list((tmp_path / "page").rglob("*.js"))
    assert len(scripts) > 30
    for script in scripts:
        for target in re.findall(r"^(?:import|export) .*from '([^']+)'", script.read_text(), re.M):
            assert (script.parent / target).is_file(), f"{script.name} imports {target}"


def test_a_page_for_devices_names_no_server(runtime: Path) -> None:
    html = index_html("device")
    assert 'data-engines="device"' in html
    assert "server" not in html.lower()
    assert "default-src 'self'" in html
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", html)
    assert "<!--" not in html
    for engines in (("server",), ("server", "device")):
        page = index_html(*engines)
        assert f'data-engines="{" ".join(engines)}"' in page
        assert 'href="docs"' in page
        assert "manifest" not in page
        assert "<!--" not in page


def test_a_new_page_replaces_an_old_one_and_nothing_else(
    runtime: Path, human: EmotionClassifier, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    write_site(out, [EmotionClassifier("fer2013")])
    (out / "CNAME").write_text("example.org")
    (out / "page" / "old.js").write_text("gone")
    before = (out / "service-worker.js").read_bytes()
    site = write_site(out, [human])
    assert (out / "CNAME").read_text() == "example.org"
    assert not (out / "page" / "old.js").exists()
    assert names(out / "models") == {"human.onnx", "int8.weights", "detector.onnx"}
    assert (out / "service-worker.js").read_bytes() != before
    assert site.models == ("human",)
    assert site.n_compressed < site.n_to_load < site.n_bytes
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    after = (out / "service-worker.js").read_bytes()
    write_site(out, [human])
    assert (out / "service-worker.js").read_bytes() == after, "nothing is new"


def test_other_folders_are_left_alone(
    runtime: Path, human: EmotionClassifier, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files") as caught:
        write_site(tmp_path / "mine", [human])
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="is a file"):
        write_site(tmp_path / "mine" / "thesis.txt", [human])
    assert names(tmp_path) == {"mine/thesis.txt"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(
    runtime: Path, human: EmotionClassifier, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LiveferError, match="cannot be written"):
        write_site(tmp_path / "site", [human])


def test_a_file_that_is_no_model(runtime: Path, tmp_path: Path) -> None:
    assert runtime_archive().is_file()
    ended = CliRunner().invoke(app, ["page", str(tmp_path / "site"), "--model", "nobody.onnx"])
    assert isinstance(ended.exception, ModelError)
    assert "nobody.onnx" in str(ended.exception)
    assert not (tmp_path / "site").exists()
