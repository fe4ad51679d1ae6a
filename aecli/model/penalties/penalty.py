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
    """The kernels, the biases, or both, of every linear layer; scales and shifts of norms are not among them."""
    import jax

    found = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(parameters)[0]:
        names = [str(getattr(key, "key", key)) for key in path]
        kind = "kernel" if names[-1].startswith("kernel") else "bias" if names[-1] == "bias" else None
        if kind and "norm" not in names and on in (kind, "both"):
            found.append(leaf)
    return found
