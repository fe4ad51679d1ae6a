"""The negative log-likelihood of a stochastic bottleneck's model, by importance sampling and by annealing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from aecli.evaluation.annealed import Annealing, annealed
from aecli.evaluation.importance import FEWER, weighed
from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments
from aecli.evaluation.sample import Sample

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

LOW = 0.05  # the quantile of effective samples that is reported beside their mean


class Likelihood:
    """nll = -log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q(z|x), K = `draws`; nats (Burda et al. 2016).

    An upper bound in expectation, tight as K grows: `nll_at_1` and `nll_at_50` are of the first draws. How far to trust
    it is told by the effective sample size of each row, (sum_k w_k)^2 / sum_k w_k^2, of which the mean and the 5 %
    quantile are reported. `posterior_gap` is what the elbo lacks, KL(q(z|x) || p(z|x)): nll less the mean of -log w_k.
    Left out, with a note, where there is no density to speak of.
    """

    def __init__(self, trained: Trained, draws: int):
        self.trained, self.draws = trained, draws
        self.why = _deterministic(trained)  # there is none, or None
        self.fewer = [few for few in FEWER if few < draws]
        self.moments = Moments("nll", "effective", "gap", *(f"at {few}" for few in self.fewer))
        self.sample = Sample()  # of the effective sizes: a quantile would need all

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        self.why = self.why or _grey(self.trained, block.x)
        if self.why:
            return
        found = weighed(self.trained, block.x, self.draws, first)
        fewer = {f"at {few}": found.nlls[:, FEWER.index(few)] for few in self.fewer}
        values = {"nll": found.nll, "effective": found.effective, "gap": -found.nll - found.mean}
        self.moments.add({**values, **fewer})
        at = self.sample.candidates(first, len(block.x))
        self.sample.add(first + at, effective=found.effective[at])

    def result(self) -> Measured:
        """The likelihood, or why there is none."""
        if self.why:
            return Measured({}, [f"nll is left out: {self.why}"])
        of, low = f"of {self.draws} importance samples", self.sample.taken()["effective"]
        over = f"{len(low)} of the examples" if len(low) < self.sample.rows else "examples"
        unit = "nats, sum over features, mean over examples"
        metrics = {"nll": self.moments.metric("nll", f"{unit}, {self.draws} importance samples")}
        for few in self.fewer:
            text = f"{unit}, the first {few}" if few > 1 else f"{unit}, the first one: minus the elbo"
            metrics[f"nll_at_{few}"] = self.moments.metric(f"at {few}", text)
        if self.draws > 1:
            metrics["posterior_gap"] = self.moments.metric("gap", "KL(q(z|x) || p(z|x)), nats, mean over examples")
        metrics["nll_effective_samples"] = self.moments.metric("effective", f"{of}, mean over examples")
        low = float(np.quantile(low, LOW))
        metrics["nll_effective_samples_low"] = Metric(low, f"{of}, 5 % quantile over {over}")
        return Measured(metrics, [])


class Annealed:
    """nll_ais, of a fixed random sample of rows by annealed importance sampling, and nll_beside, by importance sampling
    of the same rows: estimates that do not share a proposal. `ais_acceptance` is the share of moves that were taken.
    """

    def __init__(self, trained: Trained, how: Annealing, draws: int, say: Callable[[str], None]):
        self.trained, self.how, self.draws, self.say = trained, how, draws, say
        self.why = _deterministic(trained)
        self.sample = Sample(how.rows)

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        self.why = self.why or _grey(self.trained, block.x)
        at = self.sample.candidates(first, len(block))
        if not self.why:
            self.sample.add(first + at, x=np.asarray(block.x[at]))

    def result(self) -> Measured:
        """The likelihood, or why there is none."""
        if self.why:
            return Measured({}, [f"nll_ais is left out: {self.why}"])
        taken, how = self.sample.taken(), self.how
        nll, acceptance = annealed(self.trained, taken["x"], taken["numbers"], how, self.say)
        beside = weighed(self.trained, taken["x"], self.draws).nll
        count = f"{len(nll)} of the examples" if len(nll) < self.sample.rows else "examples"
        unit = f"nats, sum over features, mean over {count}"
        return Measured(
            {
                "nll_ais": _mean(nll, f"{unit}, {how.said}"),
                "nll_beside": _mean(beside, f"{unit}, the same ones, {self.draws} importance samples"),
                "ais_acceptance": Metric(float(acceptance.mean()), "share of Hamiltonian moves, mean over them all"),
            },
            [],
        )


def _mean(values: Float[np.ndarray, " rows"], unit: str) -> Metric:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return Metric(float(values.mean()), unit, error)


def _deterministic(trained: Trained) -> str | None:
    bottleneck = trained.model.bottleneck
    if bottleneck.stochastic:
        return None
    return f"a {bottleneck.kind} bottleneck is deterministic and has no p(z)"  # pyright: ignore


def _grey(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> str | None:
    """Whether these rows have no probability: a Bernoulli's known numbers are 0 or 1."""
    if not trained.objective.reconstruction.binary:
        return None
    values = x.reshape(len(x), -1)[:, trained.layout.numeric]
    if np.isin(values[~np.isnan(values)], (0, 1)).all():
        return None
    return "a Bernoulli on grey pixels is no likelihood (data.binarize makes them 0 and 1)"
