"""The claims: recipes whose header says what it expects of their runs.

# claim: 2                                      which statement of the lecture it belongs to
# purpose: with a linear decoder ...            the statement
# variant: masked objective.corruption=masking  a training of its own; without any, the recipe as it is
# seeds: 3                                      trainings of each variant (1): expectations are of their means
# expect: largest_angle <= 2.0 degrees          as many as there are; `aecli.tasks.reproduce.expectation`
# seconds: 40 ...                               what it took
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.config.words import quoted
from aecli.data.synthetic import SETS
from aecli.experiment import load
from aecli.tasks.init.header import Entry, header
from aecli.tasks.init.recipes import Recipe, recipes
from aecli.tasks.reproduce.expectation import FORM, Expectation, expectation

QUICK = 30.0  # seconds
BUNDLED = ("digits", *SETS)
MOST_SEEDS = 100
WORDS = ("claim", "variant", "seeds", "expect", "seconds")
_LIKE = re.compile(r"\s*#\s*(expect|variant|seed|claim|second)s?\s*:", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(,\d{3})*(\.\d+)?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Variant:
    """A training of the recipe with overrides; the name is empty where there is only one."""

    name: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A recipe and what is expected of it; `seconds` it took, where its header says."""

    recipe: Recipe
    number: str
    variants: tuple[Variant, ...]
    seeds: int
    expectations: tuple[Expectation, ...]
    seconds: float | None
    source: str

    @property
    def quick(self) -> bool:
        """Whether it takes seconds, of data that are always there."""
        return self.seconds is not None and self.seconds <= QUICK and self.source in BUNDLED


def claims() -> list[Claim]:
    """All of them, by the number of their statement."""
    found = [claim for recipe in recipes() if (claim := claim_of(recipe)) is not None]
    return sorted(
        found, key=lambda claim: (int(claim.number) if claim.number.isdecimal() else 10**6, claim.recipe.name)
    )


def chosen(words: list[str]) -> list[Claim]:
    """The claims of these names, last parts of a name, or numbers. UserError for a word that is none."""
    there, found, wrong = claims(), [], []
    for word in words:
        plain = word.removesuffix(".yaml").removeprefix("experiments/")
        mine = [c for c in there if plain in (c.recipe.name, _last(c.recipe), c.number)]
        found += [claim for claim in mine if claim not in found]
        if not mine:
            wrong.append(_none(word, plain, there))
    if wrong:
        raise UserError(*wrong)
    return found


def _none(word: str, plain: str, there: list[Claim]) -> Problem:
    """Why no claim is called so."""
    recipe = next((r for r in recipes() if plain in (r.name, _last(r))), None)
    if recipe is not None:
        hint = f"aecli init --recipe {recipe.name} copies it, to be trained"
        return Problem(f"the recipe {recipe.name} expects nothing that could be compared", None, hint)
    if plain.isdecimal():
        numbers = sorted({int(claim.number) for claim in there if claim.number.isdecimal()})
        return Problem(f"no claim has the number {plain}", None, f"there are {', '.join(map(str, numbers))}")
    hint = did_you_mean(plain, {name for claim in there for name in (claim.recipe.name, _last(claim.recipe))})
    return Problem(f"no claim is called {quoted(word)}", None, hint or "aecli reproduce lists them")


def _last(recipe: Recipe) -> str:
    return recipe.name.rsplit("/", 1)[-1]


def claim_of(recipe: Recipe) -> Claim | None:
    """What its header claims, or None where it expects nothing. UserError for a header that is not of the form."""
    text = recipe.path.read_text(encoding="utf-8")
    entries = header(text)
    _check(text, entries, recipe)
    if not any(entry.word == "expect" for entry in entries):
        return None
    variants = tuple(_variant(e, recipe) for e in entries if e.word == "variant") or (Variant("", ()),)
    expected = tuple(_expected(e, recipe, variants) for e in entries if e.word == "expect")
    said = {entry.word: entry for entry in reversed(entries)}
    seconds = _NUMBER.match(said["seconds"].text) if "seconds" in said else None
    return Claim(
        recipe, said["claim"].text if "claim" in said else "", variants, _seeds(said.get("seeds"), recipe), expected,
        None if seconds is None else float(seconds[0].replace(",", "")), load(recipe.path).experiment.data.source,
    )  # fmt: skip


def _check(text: str, entries: list[Entry], recipe: Recipe) -> None:
    """UserError for a line that looks like an entry of a claim and is none, and for one that is said twice."""
    read = {entry.line for entry in entries if entry.word in WORDS}
    for number, line in enumerate(text.splitlines(), 1):
        if number not in read and _LIKE.match(line):
            raise _refused(
                Entry("", "", number), recipe, "this would not be read", "# expect: ..., before the first key"
            )
    once = [e for e in entries if e.word in ("claim", "seeds", "seconds")]
    names = [(e.word, *e.text.split()[:1]) for e in entries if e.word == "variant"]
    for entry in entries:
        same = [e for e in once if e.word == entry.word]
        name = (entry.word, *entry.text.split()[:1])
        if len(same) > 1 or names.count(name) > 1:
            raise _refused(entry, recipe, f"{quoted(' '.join(name[: 1 + (not same)]))} is said twice", "leave one out")


def _variant(entry: Entry, recipe: Recipe) -> Variant:
    try:
        name, *overrides = shlex.split(entry.text)
    except ValueError:  # a quote without its other, or no word
        name, overrides = "", []
    if not _NAME.fullmatch(name) or name == "seconds" or any("=" not in word for word in overrides):
        raise _refused(
            entry, recipe, "a variant is a name and then KEY=VALUE", "# variant: tied model.encoder.tied=true"
        )
    return Variant(name, tuple(overrides))


def _expected(entry: Entry, recipe: Recipe, variants: tuple[Variant, ...]) -> Expectation:
    found = expectation(entry.text)
    if found is None:
        raise _refused(entry, recipe, f"{quoted(entry.text)} expects nothing that can be compared", FORM)
    known = {variant.name for variant in variants if variant.name}
    for name in found.names():
        if known and name.split(".", 1)[0] not in known | {"seconds"}:
            text = f"{quoted(name)} does not say of which variant"
            raise _refused(entry, recipe, text, f"put one of {', '.join(sorted(known))} and a dot before it")
    return found


def _seeds(entry: Entry | None, recipe: Recipe) -> int:
    if entry is None:
        return 1
    if not entry.text.isdecimal() or not 1 <= int(entry.text) <= MOST_SEEDS:
        raise _refused(entry, recipe, "seeds is no number of trainings", f"give 1 to {MOST_SEEDS}")
    return int(entry.text)


def _refused(entry: Entry, recipe: Recipe, text: str, hint: str) -> UserError:
    return UserError(Problem(text, Place(str(recipe.path), entry.line), hint))
