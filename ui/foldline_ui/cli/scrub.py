"""The command that takes a secret out of a store."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from getpass import getpass
from pathlib import Path

import anyio

from foldline.errors import SecretRejected
from foldline.layout import Layout, store_path
from foldline_ingest.announce import Announcement
from foldline_ingest.masking import SECRET_BYTES_MAX
from foldline_ingest.scrubbing import Scrubbed
from foldline_views.scrub import scrub

from .exits import Exit
from .terminal import NONE, ProgressBar, say, say_json, table

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Mask a secret wherever it is found; exit with 1 if some of it had to stay."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    secret = _secret(arguments.secret_file)
    bar = ProgressBar("rebuilding")

    async def announce(announcement: Announcement) -> None:
        bar(announcement.progress or 0.0)

    scrubbing = partial(scrub, runs=arguments.run, dry_run=arguments.dry_run, announce=announce)
    try:
        done = anyio.run(scrubbing, layout, secret)
    finally:
        bar.end()
    if arguments.json:
        say_json(done)
    else:
        _tell(done)
    for trouble in done.troubles:
        sys.stderr.write(f"error: {trouble}\n")
    return Exit.NO if done.troubles else Exit.DONE


def _secret(file: str | None) -> str:
    """Return the secret; never from the command line, which shells and lists of processes keep."""
    try:
        if file is None and sys.stdin.isatty():
            return getpass("the secret: ")
        if file is None:
            raise SecretRejected(
                "there is nobody to be asked for the secret",
                hint="name a file with --secret-file, or - for the input",
            )
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as opened:
            found = opened.read(SECRET_BYTES_MAX + 1)
        if len(found) > SECRET_BYTES_MAX:
            raise ValueError(f"it is larger than {SECRET_BYTES_MAX:,} bytes")
        return found.decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise SecretRejected(
            f"no secret can be read from {file}: {reason or error}",
            hint="give a text file that has the secret, and nothing else",
        ) from None


def _tell(done: Scrubbed) -> None:
    if not done.found and not done.blobs:
        say("it is found nowhere")
    else:
        rows = [
            (one.run or NONE, one.kind, one.name, f"{one.times:,}") for one in done.found
        ]  # fmt: skip
        say(table(("RUN", "WHERE", "NAME", "TIMES"), rows))
        does = "would scrub" if done.dry_run else "scrubbed"
        say(f"{does} {done.segments:,} segments, {done.blobs:,} blobs, {done.files:,} other files")
    # What no command here can reach.
    say("not reached: backups, other machines that shipped runs here, and what is compressed")
