"""The commands about how much room experiments have."""

from __future__ import annotations

import argparse
import time

from foldline.errors import WordsRejected
from foldline.layout import Layout, store_path
from foldline_views import quotas
from foldline_views.quotas import Share

from ..audit import AuditEvent, write_down
from .exits import Exit
from .runs import answer_of
from .terminal import NONE, say, say_json, table

__all__ = ["list_quotas", "put", "remove"]

ALL = "(default)"  # what a list calls the quota of experiments that have none of their own


def put(arguments: argparse.Namespace) -> Exit:
    """Bound what an experiment may take; a server that runs heeds it from now on."""
    layout = Layout(store_path(arguments.store))
    layout.create()  # so that a quota is there before the server first starts
    asked = [(None, arguments.default), (arguments.experiment, arguments.size)]
    chosen = [(whose, size) for whose, size in asked if size is not None]
    if not chosen or (arguments.experiment is not None and arguments.size is None):
        raise WordsRejected(
            "there is no size to set",
            hint="foldline quota set mnist 50GB, or foldline quota set --default 50GB",
        )
    for whose, size in chosen:
        quotas.put(layout, whose, size)
        _note(layout, "quota_set", whose, size)
    return _told(
        arguments, layout, [f"{_whose(whose)} may take {size:,} bytes" for whose, size in chosen]
    )


def remove(arguments: argparse.Namespace) -> Exit:
    """Take a quota away."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    if (arguments.experiment is None) != arguments.default:
        raise WordsRejected(
            "one quota is removed at a time",
            hint="foldline quota rm mnist, or foldline quota rm --default",
        )
    quotas.remove(layout, arguments.experiment)
    _note(layout, "quota_removed", arguments.experiment, None)
    return _told(arguments, layout, [f"the quota of {_whose(arguments.experiment)} is gone"])


def list_quotas(arguments: argparse.Namespace) -> Exit:
    """List what each experiment takes, and may, the fullest first."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    experiments = answer_of(arguments, lambda views: views.experiments())
    found = quotas.measured(layout, experiments)
    default = quotas.read(layout).default
    if arguments.json:
        say_json({"default": default, "experiments": found})
        return Exit.DONE
    if not found and default is None:
        say("there is nothing yet; example: foldline quota set --default 50GB")
        return Exit.DONE
    rows = [_row(share) for share in found]
    if default is not None:
        rows.append((ALL, NONE, f"{default:,}", NONE))
    say(table(("EXPERIMENT", "USED", "ALLOWED", "FULL"), rows))
    return Exit.DONE


def _row(share: Share) -> tuple[str, str, str, str]:
    if share.allowed is None:
        return share.experiment, f"{share.used:,}", NONE, NONE
    return share.experiment, f"{share.used:,}", f"{share.allowed:,}", f"{share.part:.0%}"


def _told(arguments: argparse.Namespace, layout: Layout, said: list[str]) -> Exit:
    if arguments.json:
        say_json(quotas.read(layout))
    else:
        say("\n".join(said))
    return Exit.DONE


def _whose(experiment: str | None) -> str:
    return "each experiment without a quota" if experiment is None else repr(experiment)


def _note(layout: Layout, what: str, experiment: str | None, size: int | None) -> None:
    of = {"experiment": ALL if experiment is None else experiment}
    write_down(layout, AuditEvent(time.time(), what, "owner", of=of, asked=size))
