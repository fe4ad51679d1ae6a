"""p(z), the prior of a stochastic bottleneck. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.priors.standard import Standard

PRIORS = Registry("prior", Standard, default="standard")
