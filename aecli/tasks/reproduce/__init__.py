"""Run a recipe's claim, and compare what its header expects with what is obtained."""

from aecli.tasks.reproduce.claim import Claim, chosen, claims
from aecli.tasks.reproduce.run import Compared, Reproduced, reproduce

__all__ = ["Claim", "Compared", "Reproduced", "chosen", "claims", "reproduce"]
