"""b, the bottleneck: what becomes of the encoder's output. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.bottlenecks.batch_top_k import BatchTopK
from aecli.model.bottlenecks.dense import Dense
from aecli.model.bottlenecks.gated import Gated
from aecli.model.bottlenecks.gaussian import Gaussian
from aecli.model.bottlenecks.jump_relu import JumpReLU
from aecli.model.bottlenecks.top_k import TopK

BOTTLENECKS = Registry("bottleneck", Dense, Gaussian, TopK, BatchTopK, JumpReLU, Gated, default="dense")
