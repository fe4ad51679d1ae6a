"""b, the bottleneck: what becomes of the encoder's output. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.bottlenecks.dense import Dense
from aecli.model.bottlenecks.gaussian import Gaussian

BOTTLENECKS = Registry("bottleneck", Dense, Gaussian, default="dense")
