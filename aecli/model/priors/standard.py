"""The standard normal prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.priors.prior import Prior

if TYPE_CHECKING:
    from aecli.model.densities import Density
    from aecli.model.priors.prior import Posterior


class Standard(Prior):
    """N(0, I): its KL from a Gaussian posterior is known in closed form."""

    kind: Literal["standard"] = "standard"
    formula: ClassVar[str] = "p(z) = N(z; 0, I)"
    source: ClassVar[str] = "Kingma & Welling 2014"

    def density(self, size: int, own: Mapping[str, Any], posterior: Posterior) -> Density:
        """N(0, I); there is nothing to learn."""
        from aecli.model.densities import StandardNormal

        return StandardNormal(size)
