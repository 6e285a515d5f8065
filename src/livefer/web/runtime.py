"""ONNX Runtime for browsers: what npm has of it, on request, in livefer's cache.

The WebAssembly file has 14 MB, and many hosts of static files compress nothing: it lies compressed,
and the page unpacks it (page/road/runtime.js).
"""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

from livefer.system.atomic import replacing, temporary_folder
from livefer.system.downloads import ByteProgress, cache_dir, fetch, install, place_of_download

VERSION = "1.30.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
# `npm view onnxruntime-web@1.30.0 dist.integrity`
CHECKSUM = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJm"
    "g8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
WASM = "ort-wasm-simd-threaded.wasm"
# ort.wasm.min.mjs imports the second one, which runs the third.
_KEPT = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", WASM)
FILES = (*_KEPT[:2], f"{WASM}.gz", "LICENSE")
_LICENSE = f"""\
ONNX Runtime Web {VERSION}, https://www.npmjs.com/package/onnxruntime-web/v/{VERSION}
Third-party notices: https://github.com/microsoft/onnxruntime/blob/v{VERSION}/ThirdPartyNotices.txt

MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def runtime_folder() -> Path | None:
    """Return the folder with FILES that `download_runtime` wrote, or None where one is missing."""
    cache = cache_dir()
    if cache is None:
        return None
    folder = cache / _folder_name()
    return folder if all(os.path.isfile(folder / name) for name in FILES) else None


def download_runtime(file: Path | None = None, progress: ByteProgress | None = None) -> Path:
    """Put npm's runtime into the cache, or that in npm's archive at `file`; return its folder."""
    folder = place_of_download(_folder_name())
    if file is None and (found := runtime_folder()) is not None:
        return found
    with temporary_folder() as place:
        archive = place / "archive.tgz"
        if file is not None:
            install(file, archive, CHECKSUM)
        else:
            fetch(URL, archive, CHECKSUM, "livefer download browser-runtime --from FILE", progress)
        _unpack(archive, folder)
    return folder


def _folder_name() -> str:
    return f"onnxruntime-web-{VERSION}"


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files that are kept, and the licence, which the archive lacks."""
    with tarfile.open(archive) as tar:
        for name in _KEPT:
            stream = tar.extractfile(f"package/dist/{name}")
            assert stream is not None, "the checksum is that of an archive with this file"
            content = stream.read()
            if name == WASM:
                # The same bytes each time: a page that is published anew changes only if it has.
                name, content = f"{WASM}.gz", gzip.compress(content, mtime=0)
            _write(folder / name, content)
    _write(folder / "LICENSE", _LICENSE.encode())


def _write(path: Path, content: bytes) -> None:
    with replacing(path, todo="LIVEFER_CACHE names another folder") as part:
        part.write_bytes(content)
