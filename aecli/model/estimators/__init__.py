"""How the expectation over draws of the code, and its gradient, are estimated. Register a new one in the line below."""

from aecli.config.registry import Registry
from aecli.model.estimators.dreg import DReG
from aecli.model.estimators.elbo import Elbo
from aecli.model.estimators.iwae import IWAE
from aecli.model.estimators.score_function import ScoreFunction

ESTIMATORS = Registry("estimator", Elbo, IWAE, DReG, ScoreFunction, default="elbo")
