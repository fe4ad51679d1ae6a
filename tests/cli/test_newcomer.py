"""The newcomer's path: three commands on a file of one's own, with no edit between them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import done

README = Path(__file__).parents[2] / "README.md"
PATH = "aecli init data.csv -o c.yaml && aecli train c.yaml && aecli report latest"
ROWS = 240


def hidden(columns: int, factors: int, noise: float = 0.1) -> np.ndarray:
    """Rows [240, columns] that a few factors explain, each in units of its own, but for a little noise."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(ROWS, factors))
    x = np.tanh(z @ rng.normal(size=(factors, columns))) + noise * rng.normal(size=(ROWS, columns))
    return x * rng.uniform(1, 100, columns) + rng.uniform(-500, 500, columns)


def lines(x: np.ndarray) -> list[str]:
    """A table of numbers with a header."""
    return [",".join(f"c{j}" for j in range(x.shape[1])), *(",".join(f"{v:.4f}" for v in row) for row in x)]


def numeric(name: str = "data.csv") -> Path:
    """A table of numbers alone."""
    Path(name).write_text("\n".join(lines(hidden(8, 2))) + "\n")
    return Path(name)


def mixed() -> Path:
    """Numbers, a category, a date, ids, a label and remarks, with holes in all but the last three."""
    x, rng = hidden(5, 2), np.random.default_rng(1)
    head, *rows = lines(x)
    size = np.where(x[:, 0] > np.median(x[:, 0]), "large", "small")
    found = [f"id,{head},size,day,remark,outcome"]
    for i, row in enumerate(rows):
        day = np.datetime64("2024-01-01") + int(100 * x[i, 1] / np.ptp(x[:, 1]))
        cells = [*row.split(","), str(size[i]), str(day)]
        cells = ["" if rng.random() < 0.05 else cell for cell in cells]
        found.append(",".join([f"r{i}", *cells, f"remark number {i}", "yes" if x[i, 2] > x[:, 2].mean() else "no"]))
    Path("mixed.csv").write_text("\n".join(found) + "\n")
    return Path("mixed.csv")


def blobs(height: int, width: int, x: float, y: float) -> np.ndarray:
    """A picture of a soft spot; x and y from 0 to 1."""
    down, right = np.mgrid[0:height, 0:width]
    far = (down / height - 0.2 - 0.6 * y) ** 2 + (right / width - 0.2 - 0.6 * x) ** 2
    return (255 * np.exp(-far / 0.05)).astype(np.uint8)


def pictures() -> Path:
    """A folder of two kinds of pictures, of several sizes."""
    rng, folder = np.random.default_rng(0), Path("pictures")
    for i in range(ROWS):
        path = folder / ("left", "right")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        side = (14, 16, 18)[i % 3]
        Image.fromarray(blobs(side, side, rng.random() / 2 + (i % 2) / 2, rng.random())).save(path)
    return folder


def array() -> Path:
    """Wide rows of floats."""
    np.save("rows.npy", hidden(30, 3))
    return Path("rows.npy")


def packed() -> Path:
    """The numbers of `numeric`, packed."""
    Path("data.csv.gz").write_bytes(gzip.compress(numeric().read_bytes()))
    return Path("data.csv.gz")


@pytest.mark.parametrize(
    ("make", "floor"),
    [(numeric, 0.8), (mixed, 0.6), (pictures, 0.7), (array, 0.85), (packed, 0.8)],
)
def test_init_train_report(make: Callable[[], Path], floor: float):
    source = make()
    done("init", source, "-o", "c.yaml")
    run = Path(done("train", "c.yaml").last)
    page = Path(done("report", "latest").last)
    assert page == run / "report.html"
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert '<section id="metrics"' in text
    metrics = done("eval", "latest", "--json").json
    assert metrics["split"] == "test"
    assert metrics["metrics"]["explained_variance"] > floor
    assert metrics["metrics"].get("category_accuracy", 1.0) > 0.8


def test_the_readme_shows_this_path():
    assert PATH in README.read_text()
