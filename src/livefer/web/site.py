"""`livefer page`: the page as a folder of files, which computes in the browser and needs no server.

Needs no web framework.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError, ModelError
from livefer.system.atomic import cannot_write
from livefer.version import __version__
from livefer.web.device import device_files
from livefer.web.runtime import runtime_folder

PAGE = Path(__file__).with_name("page")
CARD = "livefer.json"
_WORKER = "service-worker.js"
_MANIFEST = "manifest.webmanifest"
# A page that a browser gets without a server's headers states itself what it may do. Heat maps and
# pictures of the visitor are blob: addresses; the network is WebAssembly.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Site:
    """What was written.

    models: their names, the default first
    n_files, n_bytes: all of the folder
    n_to_load: bytes of a first visit, with the default model
    n_compressed: the same where the host compresses what it sends
    """

    folder: Path
    models: tuple[str, ...]
    n_files: int
    n_bytes: int
    n_to_load: int
    n_compressed: int


def write_site(out: Path, models: Sequence[EmotionClassifier]) -> Site:
    """Write the page for some models, the default first; an earlier page in `out` is replaced.

    Files of others beside an earlier page stay. ConfigError where `out` holds something else,
    ModelError where the browser runtime is missing, LiveferError where nothing can be written.
    """
    runtime = runtime_folder()
    if runtime is None:
        raise ModelError(
            "ONNX Runtime for browsers is missing: run livefer download browser-runtime"
        )
    _check_free(out)
    files = site_files(models, runtime)
    with _new_folder(out) as part:
        for name, content in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _put(part, out)
    first = json.loads(files[CARD])["models"][0]
    own = {first["file"], *(one["file"] for one in first["weights"]), "models/detector.onnx"}
    loaded = [
        content
        for name, content in files.items()
        if name in own or not (name.startswith("models/") or name in ("runtime/LICENSE", _WORKER))
    ]
    return Site(
        out,
        tuple(model.name for model in models),
        len(files),
        sum(map(len, files.values())),
        sum(map(len, loaded)),
        sum(min(len(one), len(gzip.compress(one))) for one in loaded),
    )


def site_files(models: Sequence[EmotionClassifier], runtime: Path) -> dict[str, bytes]:
    """Return the content of each file by its path; the service worker's comes last."""
    device = device_files(models, runtime)
    paths = {f"page/{name}": PAGE / name for name in _page_names()}
    paths |= device.files
    files = {
        "index.html": index_html("device").encode(),
        _MANIFEST: (PAGE / _MANIFEST).read_bytes(),
        **{name: path.read_bytes() for name, path in sorted(paths.items())},
        CARD: json.dumps(device.card, indent=1).encode(),
    }
    return {**files, _WORKER: _service_worker(files)}


def index_html(*engines: str) -> str:
    """Return the page for a server, for a device alone, or for a server that a device may replace.

    engines: "server", "device" or both. In the file, a line that ends in `<!-- server -->` is for
    servers only, and `<!-- device: ... -->` for devices alone.
    """
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    html = html.replace('data-engines="server"', f'data-engines="{" ".join(engines)}"')
    if "server" in engines:
        return re.sub(r" *<!-- device: .*? -->\n| *<!-- server -->", "", html)
    html = re.sub(r"<!-- device: (.*?) -->", r"\1", html)
    html = re.sub(r".*<!-- server -->\n", "", html)
    policy = f'  <meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    return html.replace('  <meta charset="utf-8">\n', f'  <meta charset="utf-8">\n{policy}')


def _page_names() -> list[str]:
    """Return the files of the page below its folder, but for those that get a place elsewhere."""
    names = (path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file())
    return sorted(set(names) - {"index.html", _MANIFEST})


def _service_worker(files: dict[str, bytes]) -> bytes:
    """Return the script that names the version and its files; browsers see a new version by it."""
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)} ".encode() + content)
    kept = ["./", *(name for name in files if name not in ("index.html", "runtime/LICENSE"))]
    about = {"version": f"{__version__} {digest.hexdigest()[:16]}", "files": kept}
    text = f"self.livefer = {json.dumps(about, indent=1)};\nimportScripts('page/offline.js');\n"
    return text.encode()


def _check_free(out: Path) -> None:
    """Raise ConfigError where a folder holds something that is not an earlier page."""
    try:
        held = set(os.listdir(out))
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise ConfigError(f"{out} is a file: name a folder to write") from None
    except OSError as error:
        raise cannot_write(out, error) from None
    if held and CARD not in held:
        raise ConfigError(
            f"{out} holds other files: name a new or empty folder, or one that livefer page wrote"
        )


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`, which is removed at the end."""
    part = out.absolute().with_name(f".{out.absolute().name[:32]}.{os.urandom(4).hex()}.part")
    try:
        part.mkdir(parents=True)
        yield part
    except OSError as error:
        raise cannot_write(out, error) from None
    finally:
        with suppress(OSError):
            shutil.rmtree(part)


def _put(part: Path, out: Path) -> None:
    """Move the parts of a page to their place; the earlier ones go, and what is not a page's stays.

    The service worker is the last one: until it is there, browsers keep the version they have.
    """
    if not out.exists():
        part.rename(out)
        return
    old = part / ".old"
    old.mkdir()
    for path in sorted(part.iterdir(), key=lambda path: path.name == _WORKER):
        if path == old:
            continue
        place = out / path.name
        if place.exists() or place.is_symlink():
            place.rename(old / path.name)
        path.rename(place)
