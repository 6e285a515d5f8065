"""Install livefer and what it is compared with, each into an environment of its own.

    python bench/peers/install.py [livefer fer face-api human tfjs-node] [--into out/peers]

`fer` is what `pip install fer` brings, PyTorch with CUDA included: 7 GB. The two JavaScript
packages run on tfjs' WebAssembly backend; whether tfjs-node could be installed is noted beside
them.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
PIP = {
    "livefer": (str(REPOSITORY),),
    # fer 25.10 imports pkg_resources, which later versions no longer have.
    "fer": ("fer", "setuptools<81"),
}
TFJS = ("@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0")
NPM = {
    "face-api": ("@vladmandic/face-api", *TFJS),
    "human": ("@vladmandic/human", *TFJS),
    "tfjs-node": ("@tensorflow/tfjs-node@4.22.0",),
}
OPTIONAL = "tfjs-node"
NOTE_FILE = "note.txt"


class InstallError(Exception):
    """npm gave up; the text is its reason."""


def install_python(packages: tuple[str, ...], folder: Path) -> None:
    """Make a virtual environment and install packages with their default dependencies."""
    venv.create(folder, clear=True, with_pip=True, symlinks=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", *packages], check=True)


def install_node(packages: tuple[str, ...], folder: Path) -> None:
    """Install packages into a folder's node_modules."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed: it comes with Node.js, 18 or newer")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    ended = subprocess.run(
        [npm, "install", *packages], cwd=folder, stderr=subprocess.PIPE, text=True, check=False
    )
    if ended.returncode != 0:
        reasons = re.findall(r"^npm error (Error: .+)$", ended.stderr, re.MULTILINE)
        raise InstallError(reasons[0] if reasons else f"npm's exit code is {ended.returncode}")


def main() -> None:
    """Install what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*PIP, *NPM]))
    parser.add_argument("--into", type=Path, default=REPOSITORY / "out" / "peers")
    args = parser.parse_args()
    if unknown := set(args.names) - {*PIP, *NPM}:
        parser.error(f"expected {', '.join([*PIP, *NPM])}, got {', '.join(sorted(unknown))}")
    for name in args.names or [*PIP, *NPM]:
        folder = args.into / name
        if name in PIP:
            install_python(PIP[name], folder)
            continue
        try:
            install_node(NPM[name], folder)
        except InstallError as error:
            if name != OPTIONAL:
                sys.exit(f"{name} could not be installed: {error}")
            note = f"could not be installed here ({error})"
        else:
            note = "can be installed here, and is not measured"
        if name == OPTIONAL:
            (folder / NOTE_FILE).write_text(note + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
