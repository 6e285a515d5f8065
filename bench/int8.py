"""How the int8 file of a model compares with its float file: size, answers, time.

python bench/int8.py FLOAT.onnx INT8.onnx [--data data/fer2013] [--threads N] [--emulate [N]]

Both files answer the val split. The time of a call is processor time, summed over the threads, the
median of calls that alternate between the two files: other work on the machine changes it little.
Read the ratio, the milliseconds are the machine's. With --emulate the int8 file
also answers N val faces under `qemu-x86_64 -cpu Haswell` (Debian: qemu-user), a processor with AVX2
and without VNNI, where sums of two 8-bit products saturate; that is a second or more a face.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from lib.common import arguments, run
from lib.loading import files_of
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import read_dataset
from livefer.evaluation.metrics import accuracy, confusion_matrix, ece, nll

EMULATOR = ("qemu-x86_64", "-cpu", "Haswell")


def time_call_ms(
    classifiers: list[EmotionClassifier], faces: NDArray[np.uint8], n_calls: int
) -> list[float]:
    """Return the median processor time of a call for each classifier, in turns."""
    times: list[list[float]] = [[] for _ in classifiers]
    for call in range(n_calls + 3):
        for i, classifier in enumerate(classifiers):
            start = time.process_time()
            classifier.predict_with_cams(faces)
            if call >= 3:
                times[i].append(time.process_time() - start)
    return [1e3 * statistics.median(one) for one in times]


def emulated(path: Path, faces: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
    """Return probabilities and maps as a processor without VNNI computes them."""
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "faces.npy", Path(folder) / "answers.npz"
        np.save(given, faces)
        command = [*EMULATOR, sys.executable, __file__, "--answer", path, given, got]
        child = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if child.returncode:
            sys.exit(f"{' '.join(EMULATOR)} failed: {child.stderr.strip()[-2000:]}")
        with np.load(got) as answers:
            return answers["probabilities"], answers["cams"]


def answer(path: str, given: str, got: str) -> None:
    """Write one file's answers: the part that runs under emulation."""
    probabilities, cams = EmotionClassifier(path, threads=1).predict_with_cams(np.load(given))
    np.savez(got, probabilities=probabilities, cams=cams)


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, "--data", "--threads")
    parser.set_defaults(threads=1)
    parser.add_argument("files", nargs="+", metavar="FILE", help="the float and the int8 file")
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--emulate", nargs="?", type=int, const=24, default=0, metavar="N")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.answer:
        answer(*args.files)
        return
    if len(args.files) != 2:
        parser.error("name the float file, then the int8 file")
    paths = [Path(file) for file in args.files]
    classifiers = [EmotionClassifier(path, threads=args.threads) for path in paths]
    dataset = read_dataset(args.data)
    val = dataset.split("val")
    answers = [classifier.predict(val.faces) for classifier in classifiers]
    sizes = [sum(file.stat().st_size for file in files_of(path)) for path in paths]
    rows = {"size with its weights, MB": [f"{size / 1e6:.2f}" for size in sizes]}
    matrices = [
        confusion_matrix(val.targets, p.argmax(axis=1), len(dataset.classes)) for p in answers
    ]
    rows[f"accuracy on val ({len(val):,} faces)"] = [f"{accuracy(m):.2%}" for m in matrices]
    rows["NLL"] = [f"{nll(p, val.targets):.4f}" for p in answers]
    rows["ECE"] = [f"{ece(p, val.targets):.4f}" for p in answers]
    for n_faces in (1, 4):
        times = time_call_ms(classifiers, val.faces[:n_faces], args.calls)
        share = f"{times[0] / times[1]:.1f} times as fast"
        rows[f"{n_faces} face{'s' * (n_faces > 1)} a call, CPU ms"] = [
            f"{times[0]:.1f}", f"{times[1]:.1f} ({share})",
        ]  # fmt: skip
    print(f"| threads: {args.threads} | float | int8 |\n| --- | ---: | ---: |")
    for name, (of_float, of_int8) in rows.items():
        print(f"| {name} | {of_float} | {of_int8} |")
    apart = np.abs(answers[0] - answers[1])
    worst = apart.max(axis=1)
    same = (answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).mean()
    print(
        f"\nint8 against float on val: {same:.2%} equal labels; probabilities apart by "
        f"{apart.mean():.5f} on average, {apart.max():.3f} at most; a face's largest difference: "
        f"median {np.median(worst):.4f}, 99 % below {np.quantile(worst, 0.99):.3f}",
        flush=True,
    )
    if args.emulate:
        rows_seen = np.linspace(0, len(val) - 1, args.emulate).astype(int)
        print_emulated(paths[1], val.faces[rows_seen])


def print_emulated(path: Path, faces: NDArray[np.uint8]) -> None:
    """Print how far one file's answers are apart between this processor and the emulated one."""
    native = EmotionClassifier(path, threads=1).predict_with_cams(faces)
    other = emulated(path, faces)
    off = np.abs(native[0] - other[0]).max()
    off_cams = np.abs(native[1] - other[1]).max() / np.abs(native[1]).max()
    equal = (native[0].argmax(axis=1) == other[0].argmax(axis=1)).sum()
    print(
        f"\n{path.name} here and under {' '.join(EMULATOR)}, {len(faces)} val faces: "
        f"probabilities apart by {off:.1e} at most, maps by {off_cams:.1e} of their largest "
        f"value, {equal} labels equal"
    )


if __name__ == "__main__":
    run(main)
