"""What a penalty is: a number per example, or one for the whole batch or the weights, from a forward pass."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.forward import Pass

    Omega = Callable[[Pass, dict[str, Any], dict[str, Any]], Float[Array, " batch"] | Float[Array, ""]]


class Penalty(Part):
    """Omega, added to the loss as weight * Omega. Reported unweighted, in `unit`."""

    unit: ClassVar[str] = "mean over examples"
    holds: ClassVar[tuple[str, ...]] = ()  # the parameters, by their first name, that its gradient passes over
    weight: Annotated[Number, Swept(ge=0)] = Field(
        default=1e-3, description="lambda, the factor of this penalty in the loss"
    )

    @abstractmethod
    def build(self, model: Any) -> Omega:
        """The pure function (pass, parameters, numbers) -> value, for a model's specification."""

    def fits(self, model: Any) -> str | None:
        """Why this penalty cannot be had with this model, or None."""
        return None


def weights(parameters: dict[str, Any], on: Literal["kernel", "bias", "both"]) -> list[Float[Array, "..."]]:
    """The kernels, the biases, or both, of every linear layer of the autoencoder.

    Scales and shifts of norms are not among them, nor is the classifier that labels will train.
    """
    import jax

    wanted = ("kernel", "bias") if on == "both" else (on,)
    leaves = jax.tree_util.tree_flatten_with_path(parameters)[0]
    return [leaf for path, leaf in leaves if counted([str(getattr(key, "key", key)) for key in path]) in wanted]


def counted(names: list[str]) -> Literal["kernel", "bias"] | None:
    """What the parameter of this path counts as, where it is a weight of a linear layer of the autoencoder."""
    if "norm" in names or names[0] == "classifier" or names[-1] not in ("kernel", "bias"):
        return None
    return "kernel" if names[-1] == "kernel" else "bias"
