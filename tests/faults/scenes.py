"""What is done to stores while calls fail.

python -m tests.faults.scenes

Reads requests, a line of JSON each, and plays each in a child: its imports are done, so that
hundreds of them take seconds. `shim.Acting` is the other end.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sys
import traceback
import warnings
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio

import foldline
from foldline.errors import FoldlineError
from foldline.layout import Layout, SegmentName
from foldline_ingest import log
from foldline_ingest.masking import Masks, forms_of
from foldline_ingest.packing import pack
from foldline_ingest.receiving import Receiver
from foldline_ingest.scrubbing import Scrubbing
from foldline_ingest.sweep import sweep
from foldline_views import rules
from foldline_views.conditions import Threshold
from foldline_views.folding import catch_up
from foldline_views.rules import Rule
from foldline_views.shelves import SHELVES
from tests.faults.shim import VARIABLE

SECRET = "hunter2-A1b2C3"  # what is scrubbed
POINTS = 5_000  # two windows and a part
SCENE_S = 30  # a scene that hangs is killed by its alarm, and the test sees that
PIECE_BYTES = 40_000

Scene = Callable[[Path], Any]


def track(store: Path) -> Any:
    """Train: points, a param and a text that becomes a blob; tell what was promised of them."""
    told = Ledger(store)
    warnings.simplefilter("ignore")
    run = foldline.Run(id="run1", store=store, params={"lr": 0.1}, capture=False)
    for step in range(POINTS):
        run.track(step * 0.5, name="loss", step=step)
        if step % 1000 == 999:
            told.say(tracked=step + 1, dropped=run.dropped)
    run.track(foldline.Text("said " * 2000), name="said", step=0)
    if run.flush(durable=True):
        told.say(durable=True, dropped=run.dropped)
    run["late"] = True
    run.finish()
    return {"dropped": run.dropped}


def track_buffered(store: Path) -> Any:
    """Train on a file system whose files can't be mapped."""
    os.environ["FOLDLINE_WRITER"] = "buffered"
    return track(store)


def fold(store: Path) -> Any:
    """Fold all shelves, in many commits."""
    log.BATCH_BYTES_MAX = 1
    anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))
    return None


def receive(store: Path) -> Any:
    """Take a segment that lies beside the store, in pieces, as a server does."""
    told = Ledger(store)
    (file,) = store.parent.glob("*.fold")
    name, data = SegmentName("run1", file.stem), file.read_bytes()
    layout = Layout(store)
    layout.create()
    receiver = Receiver(layout)
    for at in range(0, len(data), PIECE_BYTES):
        piece = data[at : at + PIECE_BYTES]
        last = at + len(piece) == len(data)
        crc = zlib.crc32(data) if last else None
        receiver.take(name, at, piece, host="lab1", ended=last, whole=crc)
        receiver.sync()
        receipt = receiver.receipt(name)
        told.say(logged=receipt.logged, durable=receipt.durable, ended=receipt.ended)
    return None


def tidy(store: Path) -> Any:
    """Pack all segments."""
    pack(Layout(store), idle_s=0)
    return None


def keep_rule(store: Path) -> Any:
    """Change what people keep in a store."""
    rules.add(Layout(store), Rule("second", Threshold(above=2.0)))
    Ledger(store).say(kept=True)
    return None


def scrub(store: Path) -> Any:
    """Take a secret out of log, packs, blobs and registers, all but the views."""
    layout, secret = Layout(store), Masks(forms_of(SECRET))
    scrubbing = Scrubbing(layout, secret, begin=lambda: None)
    assert scrubbing.run().troubles == []
    sweep(layout, only=scrubbing.replaced)
    Ledger(store).say(scrubbed=True)


def skew(store: Path) -> Any:
    """Train and fold while the clock jumps: an hour back, ten years ahead, and home."""
    library = ctypes.CDLL(os.environ[VARIABLE])
    run = foldline.Run(id="run1", store=store, capture=False)
    for step in range(POINTS):
        if step % 1000 == 0:
            library.fault_clock(ctypes.c_double([0, -3600, 3.2e8, -3.2e8, 60][step // 1000]))
            anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))
        run.track(step * 0.5, name="loss", step=step)
        run["at"] = step
    library.fault_clock(ctypes.c_double(0.0))
    run.finish()
    return {"dropped": run.dropped}


def unlocked(store: Path) -> Any:
    """Train where files can't be locked, as on some network file systems, and then fold."""
    library = ctypes.CDLL(os.environ[VARIABLE])
    library.fault_locks(os.fsencode(store), errno.ENOLCK)
    with foldline.Run(id="run1", store=store, capture=False) as run:
        for step in range(POINTS):
            run.track(step * 0.5, name="loss", step=step)
        assert run.dropped == 0
    anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (track, track_buffered, fold, receive, tidy, keep_rule, scrub, skew, unlocked)
}


class Ledger:
    """What was promised, in a file beside the store that outlives the process."""

    def __init__(self, store: Path) -> None:
        self._file = os.open(store.parent / "ledger", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        self._told: dict[str, Any] = {}

    def say(self, **words: Any) -> None:
        """Add to what was promised. A longer line takes the place of the last one at once."""
        self._told.update(words)
        text = json.dumps(self._told).encode()
        os.pwrite(self._file, text.ljust(200) + b"\n", 0)


def main() -> None:
    """Play what is asked for, one after the other."""
    library = ctypes.CDLL(os.environ[VARIABLE])
    for line in sys.stdin:
        scene, where, nth, how, code = json.loads(line)
        if scene:
            answer = _play(library, SCENES[scene], Path(where), (nth, code, how))
        else:
            os.kill(int(where), signal.SIGKILL)
            answer = (0, os.waitpid(int(where), 0)[1], None, "", 0)
        print(json.dumps(answer), flush=True)  # noqa: T201  # this is the pipe to the test


def _play(library: Any, scene: Scene, store: Path, fault: tuple[int, int, int]) -> tuple[Any, ...]:
    hears, says = os.pipe()
    child = os.fork()
    if not child:
        os.close(hears)
        signal.alarm(SCENE_S)
        library.fault_arm(os.fsencode(store), *fault)
        said, error = None, ""
        try:
            said = scene(store)
        except (OSError, FoldlineError) as refused:
            error = f"{type(refused).__name__}: {refused}"
        except BaseException:  # noqa: BLE001  # whatever it is, the test is to see it
            error = traceback.format_exc()
        met = library.fault_met()
        library.fault_arm(b"", 0, 0, 0)
        os.write(says, json.dumps([met, said, error]).encode())
        os._exit(0)
    os.close(says)
    _, status = os.waitpid(child, os.WUNTRACED)
    text = b""
    if not os.WIFSTOPPED(status):
        with os.fdopen(hears, "rb") as pipe:
            text = pipe.read()
    else:
        os.close(hears)
    met, said, error = json.loads(text) if text else (0, None, "")
    return met, status, said, error, child


if __name__ == "__main__":
    main()
