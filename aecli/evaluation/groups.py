"""The groups of metrics by name, and what is measured whatever is asked for. Register a new one in STEPS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from aecli.config.problems import Problem, UserError, did_you_mean
from aecli.evaluation.annealed import Annealing
from aecli.evaluation.bound import Bound
from aecli.evaluation.classification import Classification
from aecli.evaluation.denoising import Denoising
from aecli.evaluation.exact import Exact
from aecli.evaluation.gradients import Gradients
from aecli.evaluation.jacobian import Jacobian
from aecli.evaluation.likelihood import Annealed, Likelihood
from aecli.evaluation.manifold import Manifold
from aecli.evaluation.metric import Group, Measured
from aecli.evaluation.pca import Pca
from aecli.evaluation.projection import Projection
from aecli.evaluation.reconstruction import Reconstruction
from aecli.evaluation.representation import Representation
from aecli.evaluation.sparsity import Sparsity
from aecli.evaluation.terms import Terms
from aecli.evaluation.weights import Weights
from aecli.training.trained import BATCH

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

SAID = 2**20  # rows after which it is said how many have been measured


class Asked(NamedTuple):
    """Importance samples of each row (None: as the config says), and whether the evaluated rows are the training rows;
    `say` is told how far what takes long is.
    """

    draws: int | None = None
    training: bool = False
    say: Callable[[str], None] = lambda text: None


def _objective(trained: Trained, asked: Asked) -> list[Group]:
    """Every term of the objective and, for a stochastic bottleneck, the bound."""
    bound: list[Group] = [Bound(trained)] if trained.model.bottleneck.stochastic else []
    return [Terms(trained), *bound]


def _likelihood(trained: Trained, asked: Asked) -> list[Group]:
    """By the methods that the config names."""
    how = trained.experiment.evaluation.likelihood
    draws = asked.draws or how.samples
    found: list[Group] = [] if how.method == "ais" else [Likelihood(trained, draws)]
    if how.method != "importance":
        annealing = Annealing(how.chains, how.temperatures, how.leapfrog, how.rows)
        found.append(Annealed(trained, annealing, draws, asked.say))
    return [*found, Exact(trained)]


STEPS: dict[str, Callable[[Trained, Asked], list[Group]]] = {  # in the order in which they are shown
    "reconstruction": lambda trained, asked: [Reconstruction(trained)],
    "objective": _objective,
    "likelihood": _likelihood,
    "representation": lambda trained, asked: [Representation(trained, asked.training)],
    "pca": lambda trained, asked: [Pca(trained)],
    "sparsity": lambda trained, asked: [Sparsity(trained)],
    "jacobian": lambda trained, asked: [Jacobian(trained)],
    "weights": lambda trained, asked: [Weights(trained)],
    "manifold": lambda trained, asked: [Manifold(trained)],
    "denoising": lambda trained, asked: [Denoising(trained)],
    "classification": lambda trained, asked: [Classification(trained)],
    "projection": lambda trained, asked: [Projection(trained)],
    "gradients": lambda trained, asked: [Gradients(trained)],
}
ALWAYS = {"objective"}
GROUPS = tuple(name for name in STEPS if name not in ALWAYS)


def measure(
    trained: Trained, blocks: Iterable[Split], groups: Iterable[str], asked: Asked, say: Callable[[str], None]
) -> tuple[int, Measured]:
    """How many rows there are, and of them the named groups, every term of the objective and, for a stochastic
    bottleneck, the bound.

    All are found in one pass over the blocks, which are whole batches but for the last. `say` is told how far it
    is. UserError for a name that is no group, ValueError where there is no row.
    """
    wanted = check_groups(groups) | ALWAYS
    names = [name for name in STEPS if name in wanted]
    say(f"measuring {', '.join(names)}")
    return measured([group for name in names for group in STEPS[name](trained, asked)], blocks, say)


def measured(
    groups: list[Group], blocks: Iterable[Split], say: Callable[[str], None] = lambda text: None
) -> tuple[int, Measured]:
    """How many rows there are, and what the groups find in them. ValueError for a block that ends within a batch."""
    rows = 0
    for block in blocks:
        if rows % BATCH:
            raise ValueError(f"a block ends at row {rows}, which ends no batch of {BATCH}")
        for group in groups:
            group.add(block, rows)
        if rows // SAID < (rows + len(block)) // SAID:
            say(f"measured {rows + len(block)} examples")
        rows += len(block)
    if not rows:
        raise ValueError("there is no row to measure")
    found = [group.result() for group in groups]
    metrics = {name: metric for metrics, _ in found for name, metric in metrics.items()}
    return rows, Measured(metrics, list(dict.fromkeys(note for _, notes in found for note in notes)))


def check_groups(groups: Iterable[str]) -> set[str]:
    """The names as a set; UserError for each that is no group."""
    wanted = dict.fromkeys(groups)
    strange = [name for name in wanted if name not in GROUPS]
    if strange:
        text = "no group of metrics is called '{}'"
        raise UserError(*(Problem(text.format(name), None, did_you_mean(name, GROUPS)) for name in strange))
    return set(wanted)
