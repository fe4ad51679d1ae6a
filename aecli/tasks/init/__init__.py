"""Write a config that trains well on the data it looked at, with the reason for every choice; or copy a recipe."""

from aecli.tasks.init.draft import Draft, draft
from aecli.tasks.init.output import check_output, save
from aecli.tasks.init.recipes import Recipe, copied, listed, recipes

__all__ = ["Draft", "Recipe", "check_output", "copied", "draft", "listed", "recipes", "save"]
