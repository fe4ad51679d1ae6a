"""aecli: the experiment runner for autoencoders.

`train` a config, `open_run` a finished run: the same functions that the commands call.
"""

TYPE_CHECKING = False  # as `typing` has it: the command line begins here, and imports nothing before it hears signals
if TYPE_CHECKING:
    from aecli.api import OpenRun, open_run, resume, train

__version__ = "0.1.0"
__all__ = ["OpenRun", "__version__", "open_run", "resume", "train"]


def __getattr__(name: str) -> object:
    """The library's functions, imported when they are first asked for: `import aecli` stays instant."""
    if name in __all__:
        from aecli import api

        return getattr(api, name)
    raise AttributeError(f"module 'aecli' has no attribute '{name}'")
