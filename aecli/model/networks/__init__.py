"""f and g, the encoder and the decoder. Register a new network in the line below."""

from aecli.config.registry import Registry
from aecli.model.networks.conv import Conv
from aecli.model.networks.mirror import Mirror
from aecli.model.networks.mlp import MLP

NETWORKS = Registry("network", MLP, Conv, default="mlp")
DECODERS = Registry("decoder", Mirror, *(part for _, part in NETWORKS.items()), default="mlp")
