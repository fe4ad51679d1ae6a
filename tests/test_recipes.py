"""The recipes: each loads, says what it is for and what it reached, and every part has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aecli.experiment import ROOMS, load
from aecli.tasks.reproduce import claims, reproduce
from aecli.tasks.train import train
from aecli.training.progress import Silent
from aecli.training.trained import open_trained

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
RECIPES = sorted(EXPERIMENTS.rglob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_loads_and_has_its_header(path):
    load(path)
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    for word in ("purpose", "command", "result", "seconds"):
        assert any(line.startswith(f"# {word}: ") for line in header), f"{path.name} has no '# {word}: '"


QUICK = [claim for claim in claims() if claim.quick]


def test_there_are_quick_claims():
    assert len(QUICK) >= 3


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.recipe.name)
def test_a_quick_claim_holds(claim, tmp_path):
    found = reproduce(claim, output=tmp_path, progress=Silent(), figures=False)
    assert found.holds, [one.to_dict() for one in found.compared]


def test_every_part_has_a_recipe():
    def kinds(value):
        if isinstance(value, dict):
            found = {value["kind"]} if "kind" in value else set()
            return found.union(*(kinds(v) for v in value.values()))
        return set().union(*(kinds(v) for v in value)) if isinstance(value, list) else set()

    used = set().union(*(kinds(load(path).experiment.model_dump(mode="json")) for path in RECIPES))
    parts = {kind for room in ROOMS for kind in room}
    assert parts <= used, f"no recipe uses {sorted(parts - used)}"


def test_a_linear_autoencoder_reaches_the_error_of_pca():
    """Baldi & Hornik 1989; the oracle is scikit-learn's PCA of the same training rows."""
    from sklearn.decomposition import PCA

    run = train(EXPERIMENTS / "lecture" / "linear.yaml", figures=False).run
    trained = open_trained(run, "last")
    x = trained.split("train")[1].x.reshape(-1, 64).astype(np.float64)
    pca = PCA(8).fit(x)
    best = np.square(x - pca.inverse_transform(pca.transform(x))).sum(1).mean()
    ours = np.square(x - trained.reconstruct(x.reshape(-1, 8, 8, 1).astype(np.float32)).reshape(x.shape)).sum(1).mean()
    assert best <= ours <= 1.001 * best
