"""Packing that nobody asked for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import anyio

from foldline.errors import FoldlineError
from foldline.layout import Layout

from .supervisor import end_with_parent

__all__ = ["main", "tidy"]

log = logging.getLogger(__name__)

# How soon after its start a fold process looks for what can be packed, and how often then, in
# seconds: what ended can wait, and looking at 100,000 folders takes a second.
FIRST_S = 60.0
EVERY_S = 600.0
# What is worth a pack. A run that ends now and then waits for others, or every one would leave a
# pack of its own.
SEGMENTS_MIN = 64
BYTES_MIN = 16 << 20
SAID_CHARS_MAX = 2000  # of what a packing says of itself; the end of a trace says most
NICE = 10  # less than everybody who is in a hurry, a training above all


async def tidy(layout: Layout) -> None:
    """Pack, again and again, what is finished; until cancelled.

    A process of its own does the work: it may be killed at any moment, and takes no turn of ours.
    """
    command = [sys.executable, "-m", "foldline_ingest.tidying", str(layout.root)]
    await anyio.sleep(FIRST_S)
    while True:
        try:
            await _once(command)
        except OSError as error:
            log.warning("finished segments are not packed now: %s", error)
        await anyio.sleep(EVERY_S)


async def _once(command: list[str]) -> None:
    done = await anyio.run_process(command, stdout=subprocess.DEVNULL, check=False)
    # By our own log, which goes where it shall go, as text or as JSON.
    if said := done.stderr.decode(errors="replace").strip():
        log.warning("%s", said[-SAID_CHARS_MAX:])


def main(root: str) -> int:
    """Pack the store at `root` if there is enough to pack; return the exit status."""
    from .packing import IDLE_S, pack, packable  # loads zstd, which the fold does without

    end_with_parent()
    os.nice(NICE)
    layout = Layout(Path(root))
    found = [size for _, size in packable(layout, time.time() - IDLE_S)]
    if len(found) < SEGMENTS_MIN and sum(found) < BYTES_MIN:
        return 0
    try:
        pack(layout)
    except (OSError, FoldlineError) as error:
        sys.stderr.write(f"finished segments are not packed now: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
