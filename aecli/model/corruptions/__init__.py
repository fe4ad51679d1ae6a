"""C, the corruption: x~ ~ C(x~ | x). Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.corruptions.gaussian import Gaussian
from aecli.model.corruptions.masking import Masking
from aecli.model.corruptions.none import NoCorruption
from aecli.model.corruptions.salt_and_pepper import SaltAndPepper

CORRUPTIONS = Registry("corruption", NoCorruption, Gaussian, Masking, SaltAndPepper, default="none")
