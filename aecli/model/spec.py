"""The `model` and `objective` sections of a config, assembled from the rooms' registries."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.config.part import LIST, Spec
from aecli.model.bottlenecks import BOTTLENECKS
from aecli.model.bottlenecks.bottleneck import Bottleneck
from aecli.model.bottlenecks.dense import Dense
from aecli.model.corruptions import CORRUPTIONS
from aecli.model.corruptions.corruption import Corruption
from aecli.model.corruptions.none import NoCorruption
from aecli.model.estimators import ESTIMATORS
from aecli.model.estimators.elbo import Elbo
from aecli.model.estimators.estimator import Estimator
from aecli.model.networks import DECODERS, NETWORKS
from aecli.model.networks.mirror import Mirror
from aecli.model.networks.mlp import MLP
from aecli.model.networks.network import Network
from aecli.model.penalties import PENALTIES
from aecli.model.penalties.penalty import Penalty
from aecli.model.reconstructions import RECONSTRUCTIONS
from aecli.model.reconstructions.reconstruction import Reconstruction
from aecli.model.reconstructions.squared_error import SquaredError


class Model(Spec):
    """f, b and g."""

    encoder: Annotated[Network, NETWORKS] = Field(default=MLP(), description="f")
    bottleneck: Annotated[Bottleneck, BOTTLENECKS] = Field(default=Dense(), description="b")
    decoder: Annotated[Any, DECODERS] = Field(default=Mirror(), description="g: `mirror`, or a network")

    @property
    def decoding(self) -> Network:
        """The decoder's network, `mirror` resolved."""
        return self.encoder.mirrored() if isinstance(self.decoder, Mirror) else self.decoder

    @property
    def tied(self) -> bool:
        """Whether the decoder uses the encoder's kernels."""
        return isinstance(self.decoder, Mirror) and getattr(self.encoder, "tied", False)


class Rate(Spec):
    """How the bottleneck's charge enters the loss."""

    weight: Annotated[Number, Swept(ge=0)] = Field(default=1.0, description="beta, the factor of the rate in the loss")
    free_bits: Annotated[Number, Swept(ge=0, off=0.0)] = Field(
        default=0.0, description="nats per unit of the code that are not charged"
    )
    capacity: Annotated[Number, Swept(ge=0, off=0.0)] = Field(
        default=0.0, description="C, nats per example: charged is weight * |rate - C| (Burgess et al. 2018)"
    )


class Objective(Spec):
    """What is minimised: reconstruction + weight * rate + sum of weight * penalty."""

    corruption: Annotated[Corruption, CORRUPTIONS] = Field(default=NoCorruption(), description="C")
    reconstruction: Annotated[Reconstruction, RECONSTRUCTIONS] = Field(default=SquaredError(), description="L")
    rate: Rate = Rate()
    samples: int = Field(default=1, ge=1, le=100_000, description="K, draws of the code per example")
    estimator: Annotated[Estimator, ESTIMATORS] = Field(
        default=Elbo(), description="of the expectation over draws and of its gradient"
    )
    penalties: Annotated[tuple[Annotated[Penalty, PENALTIES], ...], LIST] = Field(
        default=(), description="Omega_i, with their weights"
    )


def conflicts(model: Model, objective: Objective) -> list[tuple[tuple[str | int, ...], str]]:
    """Parts that cannot go together: the place in the config, and what to do."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    if getattr(model.encoder, "tied", False) and not isinstance(model.decoder, Mirror):
        found.append((("model", "encoder", "tied"), "tied weights need `decoder: mirror`"))
    if getattr(model.decoder, "tied", False):
        found.append((("model", "decoder", "tied"), "`tied` belongs to the encoder, together with `decoder: mirror`"))
    for i, penalty in enumerate(objective.penalties):
        if why := penalty.fits(model):
            found.append((("objective", "penalties", i), why))
    if objective.corruption.kind == "gaussian" and getattr(objective.corruption, "emphasis", 0.0):
        text = "gaussian noise touches every feature: emphasis has nothing to weigh, remove it"
        found.append((("objective", "corruption", "emphasis"), text))
    if not isinstance(objective.estimator, Elbo):
        found += _not_bounding(objective)
    return found


def _not_bounding(objective: Objective) -> list[tuple[tuple[str | int, ...], str]]:
    """Of another estimator than the elbo: what it has no place for."""
    kind = objective.estimator.kind  # pyright: ignore[reportAttributeAccessIssue]
    text = f"`estimator: {kind}` charges log q(z|x) - log p(z) draw by draw: this needs `estimator: elbo`"
    return [(("objective", "rate", key), text) for key in ("free_bits", "capacity") if getattr(objective.rate, key)]


def idle(model: Model, objective: Objective) -> list[tuple[tuple[str | int, ...], str]]:
    """Keys that were set, to another value than they have anyway, and that no term of the objective looks at.

    (Every run's config.yaml holds all defaults: one that is written out asks for nothing.)
    """
    if model.bottleneck.stochastic:
        return []
    kind = model.bottleneck.kind  # pyright: ignore[reportAttributeAccessIssue]
    rest = "so that this has no effect: remove it, or use a stochastic one, e.g. gaussian"
    found: list[tuple[tuple[str | int, ...], str]] = [
        (("objective", "rate", key), f"a {kind} bottleneck has no rate, {rest}")
        for key in _asked(objective.rate, Rate(), tuple(Rate.model_fields))
    ]
    drawn = _asked(objective, Objective(), ("samples", "estimator"))
    return found + [(("objective", key), f"a {kind} bottleneck draws nothing, {rest}") for key in drawn]


def _asked(section: Spec, default: Spec, keys: tuple[str, ...]) -> list[str]:
    """Of these keys those that were set, to another value than they have anyway."""
    return [key for key in keys if key in section.model_fields_set and getattr(section, key) != getattr(default, key)]


def _weighed(objective: Objective) -> str:
    """The unit of a loss that is no weighted sum of its terms."""
    return f"minus the importance-weighted bound of {objective.samples} draws, mean over examples"


def penalty_names(objective: Objective) -> list[str]:
    """`penalties.<i>.<kind>` of each penalty."""
    return [f"penalties.{i}.{penalty.kind}" for i, penalty in enumerate(objective.penalties)]


def term_names(model: Model, objective: Objective) -> list[str]:
    """The names of the objective's terms, `loss` first."""
    rate = ["rate"] if model.bottleneck.stochastic else []
    return ["loss", "reconstruction", *rate, *penalty_names(objective)]


def units(model: Model, objective: Objective, *, mixed: bool) -> dict[str, str]:
    """The unit of each term; `mixed`: of rows that have categories too."""
    nats = objective.reconstruction.kind != "squared_error"
    apart = " and, of categories, nats" if mixed and not nats else ""
    found = {
        "loss": "weighted sum of the terms, mean over examples" if objective.estimator.bound else _weighed(objective),
        "reconstruction": ("nats" if nats else "squared error") + apart + ", sum over features, mean over examples",
    }
    if model.bottleneck.stochastic:
        found["rate"] = "nats, sum over units, mean over examples"
    return found | {name: part.unit for name, part in zip(penalty_names(objective), objective.penalties, strict=True)}
