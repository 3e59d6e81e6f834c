"""The entry of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from foldline.errors import FoldlineError

from .cli import parser
from .cli.exits import Exit, exit_of
from .cli.terminal import complain

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Errors that Foldline raises on purpose are told with their hint and without a traceback.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # The demo reads its own arguments, its own --help among them.
    cut = 1 if words[:1] == ["demo"] else len(words)
    arguments = parser().parse_args(words[:cut])
    arguments.rest = words[cut:]
    command = getattr(
        import_module(f".cli.{arguments.module}", __package__ or "foldline_ui"), arguments.function
    )
    try:
        return int(command(arguments))
    except FoldlineError as error:
        complain(
            error,
            query=getattr(arguments, "query", None),
            as_json=getattr(arguments, "json", False),
        )
        return exit_of(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output had enough, as `head` does. Nothing more can be written, and
        # Python would complain about that once more as it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
