"""What the commands of the command line have in common."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from foldline.layout import STORE_DEFAULT

__all__ = ["LEVELS", "Commands", "add", "add_goal", "add_group", "add_run"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

LEVELS = ("debug", "info", "warning", "error", "critical")  # of messages, and of alerts


def add(
    commands: Commands, name: str, does: str, example: str, *, plain: bool = False
) -> argparse.ArgumentParser:
    """Add a command with what all commands have; a plain one reads its own arguments.

    The function `run` of the module that is called as the command does it, if nothing else is said.
    """
    command = _add(commands, name, does, example, add_help=not plain)
    if not plain:
        command.add_argument(
            "--store",
            metavar="FOLDER",
            help=f"the store (FOLDLINE_STORE, else ./{STORE_DEFAULT})",
        )
        command.add_argument("--json", action="store_true", help="print JSON, for scripts")
    command.set_defaults(module=name, function="run")
    return command


def add_group(commands: Commands, name: str, does: str, example: str) -> Commands:
    """Add a command that is nothing but those below it; return where these are added."""
    group = _add(commands, name, does, example)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_run(command: argparse.ArgumentParser) -> None:
    """Let a command be told of one run."""
    command.add_argument("run", metavar="ID", help="as `runs ls` lists it")


def add_goal(command: argparse.ArgumentParser, word: str) -> None:
    """Let a command be told what a word such as "best" means."""
    command.add_argument(
        "--goal",
        choices=("minimize", "maximize"),
        default="minimize",
        help=f"what {word} means (%(default)s)",
    )


def _add(
    commands: Commands, name: str, does: str, example: str, *, add_help: bool = True
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog=f"example: {example}",
        allow_abbrev=False,
        add_help=add_help,
    )
