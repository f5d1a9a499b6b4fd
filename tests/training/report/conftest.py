import json

import numpy as np
import pytest

STEPS = 200


def curve(step):
    return 2.0 * np.exp(-step / 60) + 0.1


@pytest.fixture
def make_run(tmp_path):
    """Makes run folders whose figures are known."""

    def make(name, lr=0.01, accuracy=0.9, gallery=True):
        folder = tmp_path / name
        (folder / "gallery").mkdir(parents=True)
        (folder / "config.yaml").write_text(
            f"name: {name}\nmodel: {{name: mlp, hidden: [3, 4]}}\noptimizer: {{lr: {lr}}}\n"
        )
        records = [{"kind": "run", "step": 0, "data_set": "made & measured"}]
        for step in range(1, STEPS + 1):
            record = {
                "kind": "step",
                "step": step,
                "epoch": step // 100,
                "loss": curve(step),
                "lr": lr,
                "seconds": step / 2,
            }
            records.append(record)
            if step % 100 == 0:
                evaluated = {"test_loss": curve(step) + 0.05, "test_accuracy": accuracy - 0.1 * (step == 200)}
                records.append({"kind": "eval", "step": step, "epoch": step // 100, **evaluated})
        (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        (folder / "environment.json").write_text(
            json.dumps({"python": "3.11", "blas": {"name": "openblas", "threads": 2}})
        )
        (folder / "model.txt").write_text("layer  kind  <shape>\n")
        if gallery:
            write_gallery(folder / "gallery")
        return folder

    return make


def write_gallery(folder):
    grid = np.linspace(0, 1, 20)
    arrays = {
        "confusion": {"matrix": np.array([[8, 2], [0, 10]]), "labels": np.array(["cat", "<dog>"])},
        "mistakes": {
            "images": np.random.RandomState(0).rand(3, 1, 8, 8),
            "target": np.array([0, 0, 1]),
            "predicted": np.array([1, 1, 0]),
            "confidence": np.array([0.99, 0.8, 0.6]),
        },
        "images": {"samples": np.zeros((2, 3, 8, 8), np.uint8), "originals": np.ones((2, 8, 8))},
        "fit": {"x": grid, "y": grid**2, "grid": grid, "mean": grid**2, "deviation": grid},
        "curve": {"x": grid, "density": grid**3, "estimate": grid**2},
        "points": {"real": np.zeros((5, 2)), "made": np.ones((5, 2))},
    }
    entries = []
    for kind, content in arrays.items():
        np.savez(folder / f"{kind}.npz", **content)
        entries.append({"kind": kind, "title": f"The {kind}", "file": f"{kind}.npz", "step": 5})
    (folder / "old.txt").write_text("an old text")
    (folder / "new.txt").write_text("To be <or> not & to be")
    entries += [
        {"kind": "text", "title": "A text", "file": file, "step": step}
        for file, step in (("new.txt", 9), ("old.txt", 4))
    ]
    (folder / "index.json").write_text(json.dumps(entries))
