"""f and g, the encoder and the decoder. Register a new network in the line below."""

from aecli.config.registry import Registry
from aecli.model.networks.conv import Conv
from aecli.model.networks.mirror import Mirror
from aecli.model.networks.mlp import MLP
from aecli.model.networks.resnet import ResNet
from aecli.model.networks.unit_norm import UnitNorm

NETWORKS = Registry("network", MLP, Conv, ResNet, default="mlp")
DECODERS = Registry("decoder", Mirror, *(part for _, part in NETWORKS.items()), UnitNorm, default="mlp")
