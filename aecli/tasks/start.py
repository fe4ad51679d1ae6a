"""Where training starts: at the parameters of another run, where `training.initialize_from` names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aecli.config.problems import Problem, UserError
from aecli.runs.find import open_run


def initialized(state: Any, source: str, root: Path, warn: Callable[[str], None], classes: tuple[str, ...] = ()) -> Any:
    """The initial state with the parameters and variables of another run of the same architecture.

    Its classifier is taken where it is of the same classes; else the state keeps its own, if it has one. `warn` is told
    of a damaged checkpoint, or another config than was written.
    """
    import jax

    from aecli.training.trained import open_trained

    trained = open_trained(open_run(source, root, None, warn), "best", warn)
    other = trained.weights
    parameters = dict(other.parameters)
    if trained.features.classes != classes:
        parameters.pop("classifier", None)
        parameters |= {name: leaf for name, leaf in state.parameters.items() if name == "classifier"}
    for mine, theirs in ((state.parameters, parameters), (state.variables, other.variables)):
        ours, others = (jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (mine, theirs))
        if ours != others:
            raise UserError(Problem(f"the run {source} has another architecture", hint="the shapes must agree"))
    average = parameters if state.average else {}
    # Copies: the state is donated to the compiled chunk, and no array may be given away twice.
    return jax.tree.map(lambda leaf: leaf + 0, state._replace(
        parameters=parameters, variables=other.variables, average=average))  # fmt: skip
