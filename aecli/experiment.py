"""The whole grammar as one model: what a YAML file says, checked and with its defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PositiveInt, field_validator

from aecli.config.names import ALLOWED, name_problem
from aecli.config.numbers import Number, Swept
from aecli.config.part import LIST, Part, Spec
from aecli.data.spec import Data
from aecli.model.bottlenecks import BOTTLENECKS
from aecli.model.corruptions import CORRUPTIONS
from aecli.model.corruptions.corruption import Corruption
from aecli.model.corruptions.none import NoCorruption
from aecli.model.estimators import ESTIMATORS
from aecli.model.networks import DECODERS, NETWORKS
from aecli.model.networks.mirror import Mirror
from aecli.model.networks.mlp import MLP
from aecli.model.networks.network import Precision
from aecli.model.penalties import PENALTIES
from aecli.model.priors import PRIORS
from aecli.model.reconstructions import RECONSTRUCTIONS
from aecli.model.spec import Model, Objective, conflicts, idle, term_names
from aecli.optimizers import OPTIMIZERS, Adam, Optimizer

# Every registry of the formula, in the order it is read.
ROOMS = (CORRUPTIONS, NETWORKS, BOTTLENECKS, PRIORS, DECODERS, RECONSTRUCTIONS, ESTIMATORS, PENALTIES, OPTIMIZERS)

MetricGroup = Literal[
    "reconstruction",
    "likelihood",
    "representation",
    "pca",
    "sparsity",
    "jacobian",
    "weights",
    "manifold",
    "denoising",
    "classification",
    "projection",
    "gradients",
]


def _or_none(section: Any) -> BeforeValidator:
    """Annotates a section that may be `none`, and whose kind alone, where it has one, is short for all of it."""
    word = section.model_fields["kind"].default if "kind" in section.model_fields else "none"
    return BeforeValidator(
        lambda v: None if v == "none" else {"kind": v} if v == word else v,
        json_schema_input_type=section | Literal["none", word] | None,
    )


class EMA(Part):
    """Exponential moving average of the parameters: a <- d a + (1 - d) w, d = min(decay, (1 + t) / (10 + t))."""

    kind: Literal["ema"] = "ema"
    decay: Annotated[Number, Swept(ge=0, lt=1)] = Field(
        default=0.999, description="share of the average kept at each step"
    )


class Greedy(Part):
    """Layer after layer, lowest first, as an autoencoder of its own that reconstructs what the layers below it give.

    Then the whole is trained (fine-tuned) for training.epochs. Source: Hinton & Salakhutdinov 2006, Bengio et al. 2007;
    with a corruption of each layer's own input Vincent et al. 2010.
    """

    kind: Literal["greedy"] = "greedy"
    epochs: PositiveInt = Field(default=5, description="passes over the training rows for each layer")
    corruption: Annotated[Corruption, CORRUPTIONS] = Field(
        default=NoCorruption(), description="of what a layer sees; the layers below it see clean rows"
    )


class Supervised(Spec):
    """Fine-tuning with labels, after training.epochs: encoder and a layer of logits on the mean code, W z + c.

    Minimises -log softmax(W z + c)_y, nats, over rows that have a label; inputs are clean. The decoder's own parameters
    stay as they are (tied kernels are the encoder's); an average of parameters begins anew, as it does with each stage.
    Source: Hinton & Salakhutdinov 2006, Bengio et al. 2007.
    """

    epochs: PositiveInt = Field(default=20, description="passes over the training rows")


class StopEarly(Spec):
    """When to stop before the last epoch."""

    metric: str = Field(
        default="validation/loss",
        pattern="^(validation|train)/.+$",
        description="split/term, lower is better",
    )
    patience: PositiveInt = Field(default=10, description="evaluations without a new best")


class Checkpointing(Spec):
    """What is kept of the way."""

    every: PositiveInt = Field(default=1, description="epochs between checkpoints")
    keep: PositiveInt = Field(default=2, description="latest checkpoints kept; the best is kept always")


class Training(Spec):
    """How the minimum is sought."""

    epochs: int = Field(default=20, ge=0, description="passes over the training rows")
    batch_size: int = Field(default=128, ge=1, le=1_000_000)
    optimizer: Annotated[Optimizer, OPTIMIZERS] = Adam()
    precision: Precision = Field(
        default="float32", description="of products' operands; sums and parameters are float32 always"
    )
    pretrain: Annotated[Greedy | None, _or_none(Greedy)] = Field(
        default=None, description="none, or {kind: greedy, epochs, corruption}: before training.epochs of the whole"
    )
    supervised: Annotated[Supervised | None, _or_none(Supervised)] = Field(
        default=None, description="none, or {epochs}: fine-tuning with labels after training.epochs"
    )
    average: Annotated[EMA | None, _or_none(EMA)] = Field(default=None, description="none, or {kind: ema, decay}")
    stop_early: Annotated[StopEarly | None, _or_none(StopEarly)] = Field(
        default=None, description="none, or {metric, patience}"
    )
    checkpoint: Checkpointing = Checkpointing()
    initialize_from: str | None = Field(default=None, description="a run whose parameters are the start")
    on_divergence: Literal["stop", "skip", "halve_learning_rate"] = Field(
        default="stop", description="what becomes of a step whose loss, gradient or update is not finite"
    )
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"


class Probe(Spec):
    """The logistic regression that reads the labels from the codes."""

    scale: Literal["unit", "code"] = Field(
        default="unit", description="unit: each of mean 0 and variance 1; code: all of them divided by one number"
    )
    C: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="over what L2 is divided, as in scikit-learn")


class Likelihood(Spec):
    """How -log p(x) is estimated: with the encoder's proposals, or by chains that know nothing of the encoder.

    Annealed importance sampling goes from the prior to the posterior by `temperatures`, at each of them one Hamiltonian
    move of so many `leapfrog` steps; it costs about 2 * temperatures * (leapfrog + 1) decoder gradients a chain.
    Source: Burda et al. 2016; Neal 2001, Wu et al. 2017.
    """

    method: Literal["importance", "ais", "both"] = "importance"
    samples: int = Field(default=500, ge=1, le=1_000_000, description="importance samples of each example")
    chains: int = Field(default=8, ge=1, le=1000, description="annealed chains of each example")
    temperatures: int = Field(default=500, ge=2, le=100_000)
    leapfrog: int = Field(default=5, ge=1, le=1000, description="steps of a Hamiltonian move")
    rows: int = Field(default=100, ge=1, le=200_000, description="examples that are annealed, at most")


class Evaluation(Spec):
    """What is measured while training and after it."""

    every: PositiveInt = Field(default=1, description="epochs between validations")
    metrics: Annotated[tuple[MetricGroup, ...], LIST] = Field(
        default=("reconstruction",), description="groups measured at the end"
    )
    probe: Probe = Probe()
    likelihood: Likelihood = Likelihood()


class Anomaly(Spec):
    """How rows are scored and where the threshold lies."""

    score: Literal["reconstruction", "likelihood", "latent_distance"] = "reconstruction"
    false_positive_rate: float = Field(default=0.01, gt=0, lt=1, description="share of normal rows flagged")


class Experiment(Spec):
    """One experiment."""

    name: str = Field(default="run", min_length=1, max_length=200, description="of the run directory; the file's stem")
    seed: int = Field(default=0, ge=0, lt=2**32, description="initialisation, batch order, noise")
    data: Data
    model: Model = Model()
    objective: Objective = Objective()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    anomaly: Anomaly = Anomaly()

    @field_validator("name")
    @classmethod
    def _safe(cls, name: str) -> str:
        if why := name_problem(name):
            raise ValueError(f"{name!a} {why}: {ALLOWED}")
        return name


class Loaded(NamedTuple):
    """An experiment and the document it was read from, which knows the place of every key."""

    experiment: Experiment
    document: Any


def _unstackable(experiment: Experiment) -> list[tuple[tuple[str, ...], str]]:
    """Why this model cannot be pretrained layer by layer, where that is asked for."""
    model, pretrain = experiment.model, experiment.training.pretrain
    if pretrain is None:
        return []
    at, found = ("training", "pretrain"), []
    encoder = model.encoder
    if not isinstance(encoder, MLP) or not isinstance(model.decoder, Mirror):
        found.append((at, "greedy pretraining needs an mlp encoder and `decoder: mirror`, each layer's mirror image"))
    elif encoder.norm == "batch":
        found.append((at, "greedy pretraining goes without batch norm: use norm: none or layer"))
    if model.bottleneck.stochastic:
        kind = model.bottleneck.kind  # pyright: ignore[reportAttributeAccessIssue]
        found.append((at, f"greedy pretraining needs a code that is not drawn, and {kind} is: use dense"))
    if getattr(pretrain.corruption, "emphasis", 0.0):
        found.append(((*at, "corruption", "emphasis"), "a layer's loss weighs all of its inputs alike: remove it"))
    return found


def name_of(path: str | Path) -> str:
    """A run's name made of a file's: its stem, what no name may hold replaced by dashes."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(path).stem).strip("-.") or "run"


def load(
    config: str | Path | dict[str, Any] | Experiment, overrides: list[str] | None = None, *, strict: bool = True
) -> Loaded:
    """Read, override, check: every problem in one pass, each with its place (UserError).

    `strict` refuses keys that have no effect; in the config of a run that there is they do no harm any more.
    """
    from aecli.config.document import from_value
    from aecli.config.overrides import apply
    from aecli.config.problems import Problem, UserError, did_you_mean
    from aecli.config.reader import read_file
    from aecli.config.validate import validate

    if isinstance(config, Experiment):
        config = config.model_dump(mode="json")
    document = from_value(config, "config") if isinstance(config, dict) else read_file(Path(config), partial=True)
    document = apply(document, list(overrides or []), partial=True)
    experiment = validate(document, Experiment)
    if "name" not in experiment.model_fields_set and not isinstance(config, dict):
        experiment = experiment.model_copy(update={"name": name_of(config)})
    found = conflicts(experiment.model, experiment.objective)
    found += idle(experiment.model, experiment.objective) if strict else []
    found += _unstackable(experiment)
    if experiment.training.supervised and experiment.training.stop_early:
        text = "stopped early a training would end before its labels' turn: use one of stop_early and supervised"
        found.append((("training", "stop_early"), text))
    if experiment.anomaly.score == "likelihood" and not experiment.model.bottleneck.stochastic:
        found.append((("anomaly", "score"), "a likelihood needs a stochastic bottleneck, e.g. gaussian"))
    stop = experiment.training.stop_early
    terms = term_names(experiment.model, experiment.objective)
    if stop and stop.metric.split("/", 1)[1] not in terms:
        near = did_you_mean(stop.metric.split("/", 1)[1], terms)
        found.append((("training", "stop_early", "metric"), f"no term of the objective is called so: {near}"))
    problems = [Problem(text, document.place(at)) for at, text in found]
    if problems:
        raise UserError(*problems)
    return Loaded(experiment, document)
