"""Write MODEL_CARD.md and docs/card from the files in bench/results.

    scripts/card                     # measures everything, then does this
    python scripts/model_card.py     # fills the pages from the last measurements

No figure is copied by hand. The text is scripts/MODEL_CARD.md.in, where a line
`<!-- page: PATH -->` begins each page. A missing file's section is one line with the command that
makes it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TRUTHS = {"votes": "what most people voted", "dataset": "FER2013's labels"}
VIEWS = {
    "one view": "",
    "a face and its mirror image, as livefer answers": "_mirror",
    "ten views (`livefer evaluate --tta`)": "_tta",
}
INTERVAL = "val; 95 % interval in brackets"
MISSING = "Not measured here: `{}` makes these figures."
ROBUSTNESS = "python bench/robustness.py fer2013 human --json bench/results/robustness.json"
PRINTED = {
    "unusable": "python bench/unusable.py fer2013 --yunet YUNET.onnx > bench/results/unusable.md",
    "in_use": "python bench/in_use.py fer2013 human --people DIR > bench/results/in_use.md",
    "cam_sanity": "python bench/cam_sanity.py fer2013 > bench/results/cam_sanity.md",
    "cam_regions": "python bench/cam_regions.py human-float > bench/results/cam_regions.md",
    "int8": "python bench/int8.py FLOAT.onnx INT8.onnx > bench/results/int8.md",
}
"""Measurements whose printed table goes in as it is, and the command that makes it."""
PEOPLE = (
    "livefer evaluate --photos LONDON --model human --detector yunet --by LONDON/info.csv "
    "--cut face_age=25,35 --json bench/results/people.json"
)
PEOPLE_COLUMNS = {"face_gender": "gender", "face_age": "age", "face_eth": "ethnicity"}
"""Columns of the London Set's info.csv, and what the card calls them."""

ABOUT = {
    "fer2013": "predicts FER2013's labels: the benchmark",
    "human": "predicts what most of ten people see in a face: the default",
}

Models = dict[str, dict[str, Any]]


def per_cent(value: float | None, interval: list[float] | None = None) -> str:
    """Return a share as 66.1 %, with its interval where there is one."""
    if value is None:
        return "–"
    text = f"{100 * value:.1f} %"
    if interval:
        text += f" ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})"
    return text


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table whose columns but the first are aligned to the right."""
    rule = "| --- |" + " ---: |" * (len(heads) - 1)
    return "\n".join([_row(heads), rule, *map(_row, rows)])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def summary(models: Models, truths: list[str]) -> str:
    """Return the table of the overall figures: a column for each model."""
    rows = []
    for truth in truths:
        found = [model["reports"][truth] for model in models.values()]
        rows.append([f"**{TRUTHS[truth]}**, {found[0]['n_images']:,} images", *[""] * len(found)])
        apart = found[0]["without_twins"]["n_images"]
        word = "accuracy" if truth == "dataset" else "agreement"
        lines = {
            word: [per_cent(r["accuracy"], r["accuracy_95"]) for r in found],
            f"{word} on the {apart:,} without a twin in train": [
                per_cent(r["without_twins"]["accuracy"], r["without_twins"]["accuracy_95"])
                for r in found
            ],
            "balanced accuracy": [per_cent(r["balanced_accuracy"]) for r in found],
            "macro-F1": [
                f"{r['macro_f1']:.3f} ({r['macro_f1_95'][0]:.3f}–{r['macro_f1_95'][1]:.3f})"
                for r in found
            ],
            "negative log likelihood": [f"{r['nll']:.3f}" for r in found],
            "expected calibration error": [per_cent(r["ece"]) for r in found],
        }
        if truth == "votes":
            n_agreed = found[0]["crowd"]["agreed"]["n_images"]
            lines[f"agreement on the {n_agreed:,} where more than half of the voters agree"] = [
                per_cent(r["crowd"]["agreed"]["accuracy"], r["crowd"]["agreed"]["accuracy_95"])
                for r in found
            ]
            floor = found[0]["crowd"]["entropy"]
            lines[f"cross-entropy to all votes (least possible: {floor:.3f})"] = [
                f"{r['crowd']['cross_entropy']:.3f}" for r in found
            ]
        rows += [[name, *cells] for name, cells in lines.items()]
    return table([INTERVAL, *models], rows)


def headline(models: Models, truths: list[str]) -> list[list[str]]:
    """Return a row for each truth: the share of livefer's own answers that are right."""
    rows = []
    for truth in truths:
        found = [model["reports"].get(f"{truth}_mirror") for model in models.values()]
        cells = [per_cent(r["accuracy"], r["accuracy_95"]) if r else "–" for r in found]
        n_images = next(iter(models.values()))["reports"][truth]["n_images"]
        rows.append([f"right by {TRUTHS[truth]}, {n_images:,} images", *cells])
    return rows


def results(models: Models, truths: list[str], folder: Path) -> str:
    """Return the card's one table: the most important figures of all pages."""
    own = [model["reports"][_own(model)] for model in models.values()]
    blank = [""] * len(own)
    rows = [
        ["**as livefer answers: a face and its mirror image**", *blank],
        *headline(models, truths),
        ["**one view, own ground truth**", *blank],
        ["right", *(per_cent(r["accuracy"], r["accuracy_95"]) for r in own)],
        [
            "right on images without a twin in train",
            *(per_cent(r["without_twins"]["accuracy"]) for r in own),
        ],
        ["macro-F1", *(f"{r['macro_f1']:.3f}" for r in own)],
        ["expected calibration error", *(per_cent(r["ece"]) for r in own)],
        ["faces that get an answer", *(per_cent(r["answers"]["coverage"]) for r in own)],
        ["of those answers right", *(per_cent(r["answers"]["right"]) for r in own)],
    ]
    path = folder / "robustness.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))["models"]
        drops = (f"{100 * found[name]['mean_drop']:.1f}" for name in models)
        rows += [
            ["**one view, FER2013's labels**", *blank],
            ["points lost on damaged crops, mean of all kinds", *drops],
        ]
    return table([INTERVAL, *models], rows)


def at_a_glance(models: Models) -> str:
    """Return the table of what each file is."""
    rows: dict[str, list[str]] = {}
    for name, model in models.items():
        meta = model["metadata"]
        learned = "people's votes (FER+)" if _own(model) == "votes" else "FER2013's labels"
        for row, cell in {
            "what it is for": ABOUT.get(name, ""),
            "learned from": learned,
            "network": meta["network"],
            "parameters": f"{model['n_parameters'] / 1e6:.1f} million",
            "files": f"{', '.join(model['sha256'])}: {model['size_mb']:.1f} MB",
            "temperature of the softmax, fitted on val": meta["temperature"],
            "share of the training prior taken out": meta.get("prior_removed", "0"),
            "uncertain below a confidence of": meta["uncertain_below"],
            "made by commit": f"`{meta['commit']}`, {meta['date']}",
            "SHA-256 begin with": ", ".join(f"`{s[:16]}`" for s in model["sha256"].values()),
        }.items():
            rows.setdefault(row, []).append(cell)
    return table(["", *models], [[row, *cells] for row, cells in rows.items()])


def views(models: Models, truths: list[str]) -> str:
    """Return the table of what several views of each face give."""
    rows = []
    for truth in truths:
        for words, suffix in VIEWS.items():
            cells = []
            for model in models.values():
                if (r := model["reports"].get(truth + suffix)) is None:
                    return MISSING.format("scripts/card")
                accuracy = per_cent(r["accuracy"], r["accuracy_95"])
                cells.append(f"{accuracy}, {r['macro_f1']:.3f}, {per_cent(r['ece'])}")
            rows.append([f"{TRUTHS[truth]}: {words}", *cells])
    return table(["accuracy or agreement, macro-F1, calibration error", *models], rows)


def classes(models: Models) -> str:
    """Return for each model the table of its classes, against what it learned to say."""
    parts = []
    for name, model in models.items():
        truth = _own(model)
        report = model["reports"][truth]
        rows = [
            [c, per_cent(f["precision"]), per_cent(f["recall"]), f"{f['f1']:.3f}",
             f"{f['support']:,}"]
            for c, f in report["per_class"].items()
        ]  # fmt: skip
        confusions = "; ".join(
            f"{pair['true']} taken for {pair['taken_for']}, {100 * pair['share']:.0f} %"
            for pair in report["confusions"]
        )
        parts += [
            f"`{name}` against {TRUTHS[truth]}:",
            table(["class", "precision", "recall", "F1", "images"], rows),
            f"Most frequent confusions: {confusions}.",
            f"![Confusion matrix of {name} on val]({name}/confusion.png)",
        ]
    return "\n\n".join(parts)


def calibration(models: Models) -> str:
    """Return the table of how far a confidence can be trusted, and what "uncertain" buys."""
    own = {name: model["reports"][_own(model)] for name, model in models.items()}
    rows = [
        ["ECE, 15 bins, own temperature", *(per_cent(r["ece"]) for r in own.values())],
        [
            "ECE that chance alone gives perfect calibration",
            *(per_cent(r["ece_by_chance"]) for r in own.values()),
        ],
        [
            "ECE held out: temperature from the other half of val",
            *(per_cent(r["held_out"]["ece"]) for r in own.values()),
        ],
        ["AURC", *(f"{r['aurc']:.3f}" for r in own.values())],
        [
            "faces that get an answer",
            *(per_cent(r["answers"]["coverage"]) for r in own.values()),
        ],
        [
            "of those answers right",
            *(per_cent(r["answers"]["right"], r["answers"]["right_95"]) for r in own.values()),
        ],
        [
            "right held out: limit from the other half",
            *(per_cent(r["held_out"]["right"]) for r in own.values()),
        ],
    ]
    return table(["val, each model's own ground truth", *models], rows)


def plots(models: Models) -> str:
    """Return the pictures of calibration and of risk and coverage."""
    return "\n".join(
        f"![{words} of {name} on val]({name}/{stem}.png)"
        for name in models
        for stem, words in (("reliability", "Reliability"), ("risk-coverage", "Answers right"))
    )


def priors(models: Models, truths: list[str]) -> str:
    """Return accuracy and balanced accuracy by how much of the prior is taken out."""
    words = {"dataset": "labels", "votes": "votes"}
    rows = []
    for i, first in enumerate(next(iter(models.values()))["priors"]):
        found = [model["priors"][i][truth] for model in models.values() for truth in truths]
        cells = (f"{100 * f['accuracy']:.1f} / {100 * f['balanced_accuracy']:.1f}" for f in found)
        rows.append([f"{first['prior']:g}", *cells])
    heads = [f"{name}, {words[truth]}" for name in models for truth in truths]
    return table(["`--prior`", *heads], rows)


def robustness(folder: Path) -> str:
    """Return what each kind of damage costs."""
    path = folder / "robustness.json"
    if not path.is_file():
        return MISSING.format(ROBUSTNESS)
    found = json.loads(path.read_text(encoding="utf-8"))
    models = found["models"]
    rows = []
    for name, about in found["corruptions"].items():
        cells = (
            f"{', '.join(f'{100 * v:.1f}' for v in m['accuracy'][name])}; "
            f"−{100 * m['drop'][name]:.1f}".replace("−-", "+")
            for m in models.values()
        )
        rows.append([f"{name} ({'; '.join(about['labels'])})", *cells])
    means = (
        f"{100 * m['mean_drop']:.1f} ({100 * m['mean_drop_95'][0]:.1f}–"
        f"{100 * m['mean_drop_95'][1]:.1f})"
        for m in models.values()
    )
    rows.append(["**mean drop**, points", *means])
    rows.insert(0, ["none", *(f"{100 * m['clean']:.1f}" for m in models.values())])
    about = (
        f"Accuracy against FER2013's labels on {found['n_images']:,} images of val in %, at three "
        "strengths, and by how much their mean is lower or higher than on clean faces, in points:"
    )
    return f"{about}\n\n{table(['faces made worse by', *models], rows)}"


def people(folder: Path) -> dict[str, str]:
    """Return how right the default model is on groups of people, as a table and as a sentence."""
    path = folder / "people.json"
    if not path.is_file():
        missing = MISSING.format(PEOPLE)
        return {"people": missing, "people_limit": "has not been measured: expect differences"}
    found = json.loads(path.read_text(encoding="utf-8"))
    groups = found["groups"]
    rows = [_people_row("**all**", found["per_class"])]
    for column, name in PEOPLE_COLUMNS.items():
        rows.append([f"**{name}**", "", "", ""])
        rows += [_people_row(label, of["per_class"]) for label, of in groups[column].items()]
    used = found["detectors"][0]
    about = (
        f"`{found['model']}` with its prior of {found['prior']:g} and the detector "
        f"{used['detector']}, which finds a face in {per_cent(used['found'])} of "
        f"{used['n_photos']:,} photographs:"
    )
    heads = ["95 % interval in brackets", "people", "smiles called happy", "neutral faces right"]
    smiles = {
        name: of["per_class"]["happy"]["recall"] for name, of in groups["face_gender"].items()
    }
    limit = (
        "is measured for neutral faces and smiles, many of them faint:\n"
        f"  `{found['model']}` calls {100 * smiles['female']:.0f} % of women's smiles happy and "
        f"{100 * smiles['male']:.0f} % of men's ([people](docs/card/people.md))"
    )
    confusions = "; ".join(
        f"{pair['true']} taken for {pair['taken_for']}, {100 * pair['share']:.0f} %"
        for pair in found["confusions"]
    )
    text = f"{about}\n\n{table(heads, rows)}\n\nMost frequent confusions: {confusions}."
    return {"people": text, "people_limit": limit}


def _people_row(label: str, per_class: dict[str, Any]) -> list[str]:
    happy, neutral = per_class["happy"], per_class["neutral"]
    n_people = happy.get("n_images", happy.get("support"))
    cells = (per_cent(of["recall"], of["recall_95"]) for of in (happy, neutral))
    return [label, f"{n_people:,}", *cells]


def printed(folder: Path, name: str) -> str:
    """Return the table that a measurement printed, or the command that makes it."""
    path = folder / f"{name}.md"
    if not path.is_file():
        return MISSING.format(PRINTED[name])
    return re.sub(r"(?m)^# .*\n+", "", path.read_text(encoding="utf-8")).strip()


def speed(models: Models, made: dict[str, Any]) -> str:
    """Return the times of calls."""
    calls = list(next(iter(models.values()))["ms_per_call"])
    rows = [[c, *(f"{m['ms_per_call'][c]:.1f} ms" for m in models.values())] for c in calls]
    load = made["load"]
    busy = ""
    if load is not None and load > 0.5:
        busy = f" **with other work on it (load {load:.1f}), so read these times as upper bounds**"
    words = f"One call of the network, medians on {made['machine']}{busy}, {made['date']}:"
    return f"{words}\n\n{table(['a call with', *models], rows)}"


def recipe(models: Models) -> str:
    """Return the commands and the configuration of each model."""
    parts = []
    for name, model in models.items():
        meta = model["metadata"]
        config = json.loads(meta["config"])
        run = config["name"]
        options = [f"--labels {meta['labels']}"] if config.get("learn") == "both" else []
        if float(meta.get("prior_removed", 0)):
            options.append(f"--prior {meta['prior_removed']}")
        if "quantisation" in meta:
            options.append("--int8")
        asset = f"src/livefer/assets/{name}.onnx"
        tail = "".join(f" {option}" for option in options)
        commands = (
            f"livefer train --config configs/{run}.yaml\n"
            f"livefer export runs/{run}/best.safetensors -o {asset}{tail}"
        )
        log, epoch = model["training"], int(meta["epoch"] or 0) + 1
        took = f"its best epoch on val was number {epoch}"
        if log:
            took = f"{log['n_epochs']} epochs in {log['minutes']:.0f} minutes; {took}"
        flat = "; ".join(f"{key} {_short(value)}" for key, value in config.items())
        parts.append(f"`{name}`: {took}.\n\n```\n{commands}\n```\n\nConfiguration: {flat}.")
    return "\n\n".join(parts)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return f"({', '.join(f'{k} {_short(v)}' for k, v in value.items())})"
    return "off" if value is False else "on" if value is True else json.dumps(value).strip('"')


def data_faults(data: dict[str, Any]) -> dict[str, str]:
    """Return the figures of the data section."""
    train, val = data["hygiene"]["train"], data["hygiene"]["val"]
    rows = [
        [name, *(f"{data['counts'][split][i]:,}" for split in data["counts"])]
        for i, name in enumerate(data["classes"])
    ]
    votes = MISSING.format("python bench/card.py --votes data/ferplus.csv …")
    if seen := data["votes"].get("train"):
        for row, share in zip(rows, seen["shares"], strict=True):
            row.append(per_cent(share))
        votes = (
            f"Of the {seen['n_with_majority']:,} training images where one of the seven classes "
            f"has more votes than any other answer, {per_cent(seen['agree'])} carry that class as "
            f"their label (val: {per_cent(data['votes']['val']['agree'])} of "
            f"{data['votes']['val']['n_with_majority']:,})."
        )
    heads = ["class", *data["counts"], "share of the votes in train"][: len(rows[0])]
    return {
        "n_train": f"{train['n_images']:,}",
        "n_val": f"{val['n_images']:,}",
        "n_blank": f"{train['n_blank']}",
        "n_redundant": f"{train['n_redundant']:,}",
        "n_groups": f"{train['n_conflicting_groups']}",
        "n_conflicting": f"{train['n_conflicting']}",
        "n_copies": f"{val['n_copies_of_train']}",
        "n_twins": f"{val['n_twins_in_train']}",
        "class_counts": table(heads, rows),
        "votes_agreement": votes,
        "n_disgust": f"{data['counts']['train'][data['classes'].index('disgust')]:,}",
    }


def _own(model: dict[str, Any]) -> str:
    """Return the truth that a model learned to say, if it was measured."""
    learned = "votes" if model["metadata"].get("labels") == "votes" else "dataset"
    return learned if learned in model["reports"] else "dataset"


def fill(values: dict[str, str]) -> dict[str, str]:
    """Return the text of each page of scripts/MODEL_CARD.md.in, by its path."""
    text = (ROOT / "scripts/MODEL_CARD.md.in").read_text(encoding="utf-8")
    unknown = set(re.findall(r"\{(\w+)\}", text)) ^ set(values)
    if unknown:
        sys.exit(f"error: MODEL_CARD.md.in and this script do not agree on {sorted(unknown)}")
    _, *parts = re.split(r"(?m)^<!-- page: (\S+) -->\n", text)
    filled = (re.sub(r"\{(\w+)\}", lambda m: values[m[1]], part) for part in parts[1::2])
    return dict(zip(parts[::2], filled, strict=True))


def main(folder: Path) -> None:
    """Write the card and its pages."""
    path = folder / "models.json"
    if not path.is_file():
        sys.exit(f"error: {path} does not exist: scripts/card makes it")
    figures = json.loads(path.read_text(encoding="utf-8"))
    models: Models = figures["models"]
    first = next(iter(models.values()))
    truths = [truth for truth in TRUTHS if truth in first["reports"]]
    values = {
        "names": " and ".join(models),
        "version": figures["made"]["livefer"],
        "glance": at_a_glance(models),
        "results": results(models, truths, folder),
        "table": summary(models, truths),
        "tta": views(models, truths),
        "classes": classes(models),
        "calibration": calibration(models),
        "plots": plots(models),
        "priors": priors(models, truths),
        "robustness": robustness(folder),
        "speed": speed(models, figures["made"]),
        **people(folder),
        "recipe": recipe(models),
        **{name: printed(folder, name) for name in PRINTED},
        **data_faults(figures["data"]),
    }
    for name, text in fill(values).items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench/results")
