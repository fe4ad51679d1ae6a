"""Omega_i, the penalties. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.penalties.code_kl import CodeKL
from aecli.model.penalties.code_l0 import CodeL0
from aecli.model.penalties.code_l1 import CodeL1
from aecli.model.penalties.code_l2 import CodeL2
from aecli.model.penalties.contractive import Contractive
from aecli.model.penalties.contractive_hessian import ContractiveHessian
from aecli.model.penalties.gate_l1 import GateL1
from aecli.model.penalties.gate_reconstruction import GateReconstruction
from aecli.model.penalties.revival import Revival
from aecli.model.penalties.weight_l1 import WeightL1
from aecli.model.penalties.weight_l2 import WeightL2

PENALTIES = Registry(
    "penalty", WeightL1, WeightL2, CodeL0, CodeL1, CodeL2, CodeKL, Contractive, ContractiveHessian, GateL1,
    GateReconstruction, Revival,
)  # fmt: skip
