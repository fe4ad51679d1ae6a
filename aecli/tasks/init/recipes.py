"""The recipes: commented configs that come with the package, listed, found by name, and copied for other data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aecli.config.document import Document
from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.config.reader import read_text
from aecli.config.validate import validate
from aecli.data.paths import path_of
from aecli.data.sources import NAMED, read
from aecli.experiment import Experiment, load
from aecli.tasks.init.draft import check_same
from aecli.tasks.init.fitted import fitted, put
from aecli.tasks.init.header import said
from aecli.tasks.init.rules import run_name
from aecli.tasks.init.text import comment, scalar


@dataclass(frozen=True)
class Recipe:
    """A recipe by its name, as `lecture/vae`; `purpose` is what its header says it is for, on one line."""

    name: str
    path: Path
    purpose: str


def recipes() -> list[Recipe]:
    """All of them, by name."""
    folder = _folder()
    found = []
    for path in sorted(folder.rglob("*.yaml")):
        purpose = said(path.read_text(encoding="utf-8"), "purpose")
        if purpose is not None:
            found.append(Recipe(path.relative_to(folder).with_suffix("").as_posix(), path, purpose))
    return sorted(found, key=lambda recipe: recipe.name)


def named(name: str) -> Recipe:
    """The recipe of this name, or of this last part of a name where only one has it; else a UserError."""
    there, name = recipes(), name.removesuffix(".yaml").removeprefix("experiments/")
    found = [r for r in there if r.name == name] or [r for r in there if r.name.rsplit("/", 1)[-1] == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(Problem(f"several recipes are called '{name}'", None, " or ".join(r.name for r in found)))
    near = did_you_mean(name, {word for r in there for word in (r.name, r.name.rsplit("/", 1)[-1])})
    hint = f"{near} " if near and near.startswith("did") else ""
    raise UserError(Problem(f"no recipe is called '{name}'", None, f"{hint}({listed(there)})"))


def listed(there: list[Recipe]) -> str:
    """A line each: its name, and what it is for."""
    width = max((len(recipe.name) for recipe in there), default=0)
    return "the recipes are:\n" + "\n".join(f"  {r.name:<{width}}  {r.purpose}" for r in there)


def copied(name: str, source: str | None = None, say: Callable[[str], None] = lambda text: None) -> str:
    """The text of a recipe; with a `source`, for those data: source and name are set, and so are the label, the id and
    the size of pictures where `aecli init` finds them; what the recipe names there and these data lack is left out.
    The rest stays. `say` is told what was left out.

    UserError for a name that no recipe has, and for a source that cannot be read.
    """
    recipe = named(name)
    text = recipe.path.read_text(encoding="utf-8")
    if source is None:
        return text
    _check_there(source)
    place = str(recipe.path)
    document = read_text(text, place)
    stem = recipe.name.rsplit("/", 1)[-1]
    for key, value in ((("data", "source"), source), (("name",), f"{run_name(source)}/{stem}")):
        if document.place(key) and key in document.spots:
            text = _replaced(text, document, key, value)
            document = read_text(text, place)
    found, lost = fitted(document.value["data"], source)
    text = put(text, document, found, lost)
    changes = [f"data.source={scalar(source)}", *(f"data.{key}=null" for key in lost)]
    changes += [f"data.{key}={scalar(choice.value)}" for key, choice in found.items()]
    meant = load(recipe.path, changes).experiment
    named_so = {"name": validate(document, Experiment).name}
    check_same(text, meant.model_copy(update=named_so), place)
    notes = [f"left out the recipe's data.{k}={scalar(v)}: these data have none such" for k, v in lost.items()]
    for note in notes:
        say(note)
    return "\n".join([*_head(recipe, source), *(line for note in notes for line in comment(note))]) + "\n" + text


def _replaced(text: str, document: Document, key: tuple[str, ...], value: str) -> str:
    """The text with the plain scalar at `key` replaced, and nothing else of it touched."""
    at: Place | None = document.place(key)
    assert at is not None
    assert at.line is not None
    assert at.column is not None
    before: object = document.value
    for word in key:
        before = before[word]  # pyright: ignore[reportIndexIssue]
    lines = text.splitlines(keepends=True)
    line, start = lines[at.line - 1], at.column - 1
    old = next(o for o in (str(before), f'"{before}"', f"'{before}'") if line.startswith(o, start))
    lines[at.line - 1] = line[:start] + scalar(value) + line[start + len(old) :]
    return "".join(lines)


def _check_there(source: str) -> None:
    """Raise UserError where no set or path is called so; what is in it, `aecli check` looks at."""
    if source not in NAMED and not path_of(source).exists():
        read(source)


def _head(recipe: Recipe, source: str) -> list[str]:
    said = f"The recipe {recipe.name} for {source}. The result below was reached on its own data, and what it says of"
    return comment(
        f"{said} classes, sizes and scales may not suit others: `aecli check` tells what does not go together."
    )


def _folder() -> Path:
    """Beside the modules in an installed package, beside the package in a checkout."""
    package = Path(__file__).parents[2]
    inside = package / "experiments"
    return inside if inside.is_dir() else package.parent / "experiments"
