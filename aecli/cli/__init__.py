"""The commands: thin; each parses, calls the library, prints."""


def main() -> None:
    """Run the command line, and turn every expected failure into a message and an exit code.

    Signals are heard from the first moment to the last: nothing is imported before the system's own answer to one,
    which is to end, takes the place of Python's, which is a traceback. The process ends without Python's own
    ceremony: what is compiled may still run in threads after an interruption, and must not meet the end of what it
    works on.
    """
    import _signal  # pyright: ignore[reportMissingImports] (a part of the interpreter itself: no file is read)

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from aecli.cli.process import run_process

    run_process()
