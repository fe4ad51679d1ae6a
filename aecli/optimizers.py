"""The optimisers: how the minimum over f and g is sought. Register a new one at the end."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from aecli.config.numbers import Number, Swept
from aecli.config.part import Part
from aecli.config.registry import Registry

if TYPE_CHECKING:
    import optax

_RATE = Annotated[Number, Swept(ge=0)]
_DECAY = Annotated[Number, Swept(ge=0, lt=1)]


def kernels(parameters: Any) -> Any:
    """True for the kernels: weight decay leaves biases, norms and learned variances alone."""
    import jax

    named = jax.tree_util.tree_map_with_path
    return named(lambda path, _: str(getattr(path[-1], "key", "")) == "kernel", parameters)


class Optimizer(Part):
    """A gradient step. Its numbers may be traced values: a new learning rate costs no compilation."""

    learning_rate: _RATE = Field(default=1e-3, description="step size, or a schedule")
    clip: Annotated[Number | None, Swept(gt=0)] = Field(
        default=None, description="largest global norm of the gradient, or null"
    )

    def build(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """The update rule for these values of its numbers; clipping comes first."""
        import optax

        rule = self.rule(numbers)
        return optax.chain(optax.clip_by_global_norm(numbers["clip"]), rule) if "clip" in numbers else rule

    @abstractmethod
    def rule(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """The update rule without clipping."""


class Moments(Optimizer):
    """What Adam and its kin share: decays of two moments."""

    b1: _DECAY = Field(default=0.9, description="decay of the mean")
    b2: _DECAY = Field(default=0.999, description="decay of the uncentred variance")
    eps: Annotated[Number, Swept(gt=0)] = 1e-8


class Adam(Moments):
    """Adaptive moments."""

    kind: Literal["adam"] = "adam"
    formula: ClassVar[str] = "w -= learning_rate * m_hat / (sqrt(v_hat) + eps)"
    source: ClassVar[str] = "Kingma & Ba 2015"

    def rule(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """Bias-corrected moments."""
        import optax

        return optax.adam(numbers["learning_rate"], numbers["b1"], numbers["b2"], numbers["eps"])


class AdamW(Moments):
    """Adam with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: Annotated[Number, Swept(ge=0)] = Field(
        default=1e-4, description="decay of the kernels per unit of learning rate"
    )
    formula: ClassVar[str] = "w -= learning_rate * (m_hat / (sqrt(v_hat) + eps) + weight_decay * w)"
    source: ClassVar[str] = "Loshchilov & Hutter 2019"

    def rule(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """Decay is not part of the moments."""
        import optax

        n = numbers
        return optax.adamw(n["learning_rate"], n["b1"], n["b2"], n["eps"], weight_decay=n["weight_decay"], mask=kernels)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: _RATE = Field(default=1e-2, description="step size, or a schedule")
    momentum: Annotated[Number, Swept(ge=0, lt=1, off=0.0)] = Field(
        default=0.0, description="share of the last step kept"
    )
    nesterov: bool = Field(default=False, description="look ahead along the momentum")
    formula: ClassVar[str] = "u = momentum * u + grad;  w -= learning_rate * u"
    source: ClassVar[str] = "Robbins & Monro 1951; Sutskever et al. 2013"

    @model_validator(mode="after")
    def _has_momentum(self) -> SGD:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum")
        return self

    def rule(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """Without momentum there is no state."""
        import optax

        return optax.sgd(numbers["learning_rate"], numbers.get("momentum"), self.nesterov)


class Lion(Optimizer):
    """The sign of an interpolated momentum."""

    kind: Literal["lion"] = "lion"
    learning_rate: _RATE = Field(default=1e-4, description="step size, or a schedule")
    b1: _DECAY = 0.9
    b2: _DECAY = 0.99
    weight_decay: Annotated[Number, Swept(ge=0)] = Field(
        default=1e-3, description="decay of the kernels per unit of learning rate"
    )
    formula: ClassVar[str] = "w -= learning_rate * (sign(b1 m + (1 - b1) grad) + weight_decay * w)"
    source: ClassVar[str] = "Chen et al. 2023"

    def rule(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """One moment."""
        import optax

        n = numbers
        return optax.lion(n["learning_rate"], n["b1"], n["b2"], weight_decay=n["weight_decay"], mask=kernels)


class RMSProp(Optimizer):
    """Gradients over their running root mean square."""

    kind: Literal["rmsprop"] = "rmsprop"
    decay: _DECAY = 0.9
    eps: Annotated[Number, Swept(gt=0)] = 1e-8
    momentum: Annotated[Number, Swept(ge=0, lt=1, off=0.0)] = 0.0
    formula: ClassVar[str] = "v = decay * v + (1 - decay) * grad^2;  w -= learning_rate * grad / sqrt(v + eps)"
    source: ClassVar[str] = "Tieleman & Hinton 2012"

    def rule(self, numbers: dict[str, Any]) -> optax.GradientTransformation:
        """Without momentum one moment."""
        import optax

        n = numbers
        return optax.rmsprop(n["learning_rate"], n["decay"], n["eps"], momentum=n.get("momentum"))


OPTIMIZERS = Registry("optimizer", Adam, AdamW, SGD, Lion, RMSProp, default="adam")
