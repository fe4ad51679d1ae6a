"""The groups of metrics by name, and what is measured whatever is asked for. Register a new one in STEPS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from aecli.config.problems import Problem, UserError, did_you_mean
from aecli.evaluation.bound import bound
from aecli.evaluation.likelihood import likelihood
from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.reconstruction import reconstruction
from aecli.evaluation.representation import representation
from aecli.evaluation.terms import terms

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

    Group = Callable[[Trained, Split, int], Measured]


def _objective(trained: Trained, split: Split, draws: int) -> Measured:
    """Every term of the objective and, for a stochastic bottleneck, the bound."""
    found = terms(trained, split.x)
    if trained.autoencoder.model.bottleneck.stochastic:
        found |= bound(trained, split.x)
    return Measured(found, [])


STEPS: dict[str, Group] = {  # in the order in which they are measured and shown
    "reconstruction": lambda trained, split, draws: Measured(reconstruction(trained, split.x), []),
    "objective": _objective,
    "likelihood": lambda trained, split, draws: likelihood(trained, split.x, draws),
    "representation": lambda trained, split, draws: representation(trained, split),
}
ALWAYS = {"objective"}
GROUPS = tuple(name for name in STEPS if name not in ALWAYS)


def measure(
    trained: Trained, split: Split, groups: Iterable[str], importance_samples: int, say: Callable[[str], None]
) -> tuple[dict[str, Metric], list[str]]:
    """The named groups, every term of the objective and, for a stochastic bottleneck, the bound; and notes.

    `say` is told what is being measured. UserError for a name that is no group.
    """
    wanted = check_groups(groups) | ALWAYS
    found: dict[str, Metric] = {}
    notes: list[str] = []
    for name in (step for step in STEPS if step in wanted):
        say(f"measuring {name} of {len(split.x)} examples")
        metrics, remarks = STEPS[name](trained, split, importance_samples)
        found |= metrics
        notes += remarks
    return found, notes


def check_groups(groups: Iterable[str]) -> set[str]:
    """The names as a set; UserError for each that is no group."""
    wanted = dict.fromkeys(groups)
    strange = [name for name in wanted if name not in GROUPS]
    if strange:
        text = "no group of metrics is called '{}'"
        raise UserError(*(Problem(text.format(name), None, did_you_mean(name, GROUPS)) for name in strange))
    return set(wanted)
