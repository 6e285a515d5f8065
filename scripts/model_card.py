"""Write MODEL_CARD.md, and the figures in README.md, from what the evaluation printed.

livefer evaluate --data data/fer2013 --json out/val.json --plots docs
livefer evaluate --data data/fer2013 --tta --json out/val-tta.json
python scripts/model_card.py out/val.json out/val-tta.json runs/cpu/metrics.jsonl

No figure in either page is copied by hand. The card's text is scripts/MODEL_CARD.md.in.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from livefer.classifier import EmotionClassifier, shipped_models

ROOT = Path(__file__).parents[1]


def per_cent(value: float, interval: list[float] | None = None) -> str:
    """Return a share as 66.1 %, with its interval where there is one."""
    text = f"{100 * value:.1f} %"
    if interval:
        text += f" ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})"
    return text


def summary(report: dict[str, Any]) -> str:
    """Return the table of the overall figures."""
    apart = report["without_twins"]
    rows = [
        ("accuracy", per_cent(report["accuracy"], report["accuracy_95"])),
        (
            f"accuracy on the {apart['n_images']:,} images without a twin in train",
            per_cent(apart["accuracy"], apart["accuracy_95"]),
        ),
        ("balanced accuracy", per_cent(report["balanced_accuracy"])),
        (
            "macro-F1",
            f"{report['macro_f1']:.3f} ({report['macro_f1_95'][0]:.3f}–"
            f"{report['macro_f1_95'][1]:.3f})",
        ),
        ("negative log likelihood", f"{report['nll']:.3f}"),
        ("expected calibration error", f"{report['ece']:.3f}"),
    ]
    lines = [f"| val, {report['n_images']:,} images | 95 % interval in brackets |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows)])


def classes(report: dict[str, Any]) -> str:
    """Return the table of the classes."""
    lines = ["| class | precision | recall | F1 | images |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, found in report["per_class"].items():
        shares = " | ".join(per_cent(found[key]) for key in ("precision", "recall"))
        lines.append(f"| {name} | {shares} | {found['f1']:.3f} | {found['support']} |")
    return "\n".join(lines)


def main(val: str, tta: str, log: str) -> None:
    """Write both pages."""
    report, views = (json.loads(Path(name).read_text(encoding="utf-8")) for name in (val, tta))
    records = [json.loads(line) for line in Path(log).read_text(encoding="utf-8").splitlines()]
    model = EmotionClassifier()
    filled = (ROOT / "scripts/MODEL_CARD.md.in").read_text(encoding="utf-8")
    for name, value in {
        "epochs": len(records),
        "best_epoch": int(model.metadata["epoch"]) + 1,
        "size": f"{shipped_models()[model.name].stat().st_size / 1e6:.1f}",
        "temperature": model.metadata["temperature"],
        "uncertain_below": model.metadata["uncertain_below"],
        "n_twins": report["n_images"] - report["without_twins"]["n_images"],
        "table": summary(report),
        "tta": f"accuracy {per_cent(views['accuracy'], views['accuracy_95'])}, "
        f"macro-F1 {views['macro_f1']:.3f}",
        "classes": classes(report),
        "confusions": "; ".join(
            f"{pair['true']} taken for {pair['taken_for']}, {100 * pair['share']:.0f} %"
            for pair in report["confusions"]
        ),
        "minutes": f"{sum(record['seconds'] for record in records) / 60:.0f}",
        "commit": model.metadata["commit"],
    }.items():
        filled = filled.replace("{" + name + "}", str(value))
    (ROOT / "MODEL_CARD.md").write_text(filled, encoding="utf-8")
    readme = ROOT / "README.md"
    pattern = r"(<!-- figures -->\n).*?(<!-- end of figures -->)"
    text = readme.read_text(encoding="utf-8")
    text = re.sub(pattern, lambda m: f"{m[1]}{summary(report)}\n{m[2]}", text, flags=re.DOTALL)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
