"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Annotated, TextIO

import typer

from aecli.cli import (
    anomaly,
    check,
    embed,
    evaluate,
    info,
    init,
    parts,
    reconstruct,
    report,
    reproduce,
    resume,
    runs,
    sample,
    schema,
    train,
)
from aecli.config.problems import AecliError, Exit
from aecli.config.words import harmless
from aecli.training.stopping import guarded

app = typer.Typer(
    name="aecli",
    help="Train, evaluate and apply autoencoders from one YAML.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (init, check, train, resume, evaluate, embed, reconstruct, sample):
    app.command(name=module.NAME)(module.command)
app.add_typer(anomaly.app, name="anomaly")
app.add_typer(runs.app, name="runs")
for module in (reproduce, report, parts, schema, info):
    app.command(name=module.NAME)(module.command)

BUG = "This is a bug in aecli: please report it with the lines above."
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)  # a disk's: no mistake of aecli
QUIET = ("--quiet", "-q")
_FULL = "error: out of memory: use fewer rows, a smaller model or a smaller training.batch_size"
_XLA = ("JaxRuntimeError", "XlaRuntimeError")  # not imported: most commands need no jax


def _version(wanted: bool) -> None:
    if wanted:
        from aecli import __version__

        typer.echo(f"aecli {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    quiet: Annotated[
        bool,
        typer.Option(*QUIET, help="Say only results, errors, and warnings: how far to trust a result."),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, evaluate and apply autoencoders from one YAML."""
    context.obj = {"quiet": quiet}


def run(arguments: list[str] | None = None) -> int:
    """Run one command line within another program; its exit code. What is no expected failure is raised."""
    with guarded():
        return _run(sys.argv[1:] if arguments is None else arguments)


def answer(arguments: list[str]) -> int:
    """The exit code of a command line that is a process of its own: a bug is shown, and is code 1."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # typer turns one within a command into its exit code
        return int(Exit.INTERRUPTED)
    except Exception:
        traceback.print_exc()
        return int(Exit.BUG)


def _run(arguments: list[str]) -> int:
    try:
        app(_ordered(arguments), prog_name="aecli")
    except SystemExit as ended:  # how typer ends: done, or a usage error that it has shown
        if isinstance(ended.__context__, BrokenPipeError):  # which typer turns into exit 1
            return _unheard()
        return ended.code if isinstance(ended.code, int) else 0
    except BrokenPipeError:
        return _unheard()
    except MemoryError:
        return _say(_FULL, 2)
    except OSError as error:
        if error.errno not in REFUSALS:
            error.add_note(BUG)
            raise
        return _say(f"error: cannot write {error.filename or 'to stdout or stderr'}: {error.strerror}", 2)
    except Exception as error:
        if type(error).__name__ in _XLA and "RESOURCE_EXHAUSTED" in str(error):
            return _say(_FULL, 2)
        if not isinstance(error, AecliError):
            error.add_note(BUG)
            raise
        return _say("\n".join(f"error: {p}" for p in error.problems), int(error.exit_code))
    return 0


def _ordered(arguments: list[str]) -> list[str]:
    """With --quiet first, which may stand behind a command, too."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [word for word in arguments[:end] if word not in QUIET]
    return ["--quiet"] * (len(options) < end) + options + arguments[end:]


def _say(text: str, code: int) -> int:
    sys.stderr.write(harmless(text) + "\n")
    return code


def _unheard() -> int:
    """The reader of a pipe has gone (`aecli list | head`): nothing is left to say, and nobody to say it to.

    What is still buffered goes nowhere; Python would else try once more as it ends, and say that it cannot.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and _gone(stream):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return 0


def _gone(stream: TextIO) -> bool:
    try:
        stream.flush()
    except BrokenPipeError:
        return True
    return False
