"""L, the reconstruction: a distribution over x given the decoder's output. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.reconstructions.bernoulli import Bernoulli
from aecli.model.reconstructions.gaussian import Gaussian
from aecli.model.reconstructions.squared_error import SquaredError

RECONSTRUCTIONS = Registry("reconstruction", SquaredError, Bernoulli, Gaussian, default="squared_error")
