"""p(z), the prior of a stochastic bottleneck. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.priors.mixture import Mixture
from aecli.model.priors.standard import Standard
from aecli.model.priors.vamp import Vamp

PRIORS = Registry("prior", Standard, Mixture, Vamp, default="standard")
