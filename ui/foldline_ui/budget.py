"""What experiments take of the disk, and may.

All that is there is counted once in a while, by a walk through the store; in between, what comes
is added up. So no piece waits for a walk, and a run that a person moves or frees counts where it
belongs soon after. Without quotas nothing is counted.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import anyio
import anyio.to_thread

from foldline.errors import FoldlineError, QuotaReached, WordsRejected
from foldline.layout import Layout, SegmentName
from foldline.settings import EXPERIMENT_DEFAULT
from foldline_ingest.affiliation import stated
from foldline_ingest.footprint import footprints
from foldline_views import quotas
from foldline_views.quotas import Quotas, Share
from foldline_views.reader import Views
from foldline_views.register import Watched

__all__ = ["Budget"]

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks whether there is something to count
# Of a core, at most, for looking again at which run is of which experiment while views change:
# with a few runs it is each second, with 100,000 every few.
SORTING_SHARE = 0.05
WALKED_S = 600.0  # between two walks: one through 100,000 runs takes seconds of a core
AGAIN_S = 10.0  # until one that failed is tried again
FRESH_RUNS_MAX = 20_000  # that are no part of the views yet, and whose experiment is remembered


class Budget:
    """Adds up what is shipped, or refuses it; any number of threads may ask."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._quotas = Watched(layout.quotas, lambda: quotas.read(layout))
        self._last = Quotas()
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()  # bytes by run
        self._used: Counter[str] = Counter()  # bytes by experiment
        self._known: Mapping[str, str] = {}  # the experiment by run, as the views have it
        self._stated: OrderedDict[str, str] = OrderedDict()  # the same of runs that they have not

    @contextmanager
    def account(self, run: str) -> Iterator[Callable[[int], None]]:
        """Give what counts bytes that are to be kept for a run, and raises QuotaReached.

        Should the block fail, they are not kept, and count no more.
        """
        counted: list[tuple[str, int]] = []
        try:
            yield lambda size: counted.append((self._add(run, size), size))
        except BaseException:
            # Whatever it was: what is not there takes no room.
            with self._lock:
                for experiment, size in counted:
                    self._taken[run] -= size
                    self._used[experiment] -= size
            raise

    def learn(self, name: SegmentName, data: bytes) -> None:
        """Look at the first bytes of a segment for the experiment that its run is of."""
        experiment = stated(self._layout, name, data) if self._kept().are_set else None
        if experiment is None:
            return
        with self._lock:
            self._stated[name.run] = experiment
            while len(self._stated) > FRESH_RUNS_MAX:
                self._stated.popitem(last=False)

    def _add(self, run: str, size: int) -> str:
        """Count bytes of a run, and return for which experiment. Raises QuotaReached."""
        kept = self._kept()
        with self._lock:
            experiment = self._experiment(run)
            if not kept.are_set:
                return experiment
            allowed = kept.of(experiment)
            if allowed is not None and size and self._used[experiment] + size > allowed:
                raise QuotaReached(
                    f"the experiment {experiment!r} may take {allowed:,} bytes here, and has",
                    hint="the log waits where it is; on the server `foldline quota set` allows "
                    "more, `foldline runs rm` and `foldline gc` make room",
                )
            self._taken[run] += size
            self._used[experiment] += size
            return experiment

    def shares(self) -> list[Share]:
        """Return what each experiment takes, the fullest first, as of now; none without quotas."""
        kept = self._kept()
        if not kept.are_set:
            return []
        with self._lock:
            return quotas.shares(kept, self._used, {name: name for name in self._used})

    async def run(self, views: Views) -> None:
        """Count, whenever there is something to be counted, until cancelled."""
        walked_at = sort_at = -math.inf
        mark, told = -1, ""
        while True:
            now = time.monotonic()
            walk = now - walked_at >= WALKED_S
            try:
                if not self._quotas().are_set:
                    walked_at = -math.inf
                elif walk or (views.watermark != mark and now >= sort_at):
                    mark, walked_at = views.watermark, now if walk else walked_at
                    if walk:
                        await anyio.to_thread.run_sync(self._walk)
                    began = time.monotonic()
                    known = await views.experiments()
                    await anyio.to_thread.run_sync(self._sort, known)
                    sort_at = time.monotonic() + (time.monotonic() - began) / SORTING_SHARE
                told = ""
            except (FoldlineError, OSError) as error:
                if told != (told := str(error)):
                    log.error("what experiments take is not counted: %s", told)
                walked_at = now - WALKED_S + AGAIN_S
            await anyio.sleep(LOOK_S)

    def _walk(self) -> None:
        taken = footprints(self._layout)
        with self._lock:
            self._taken = taken

    def _sort(self, known: Mapping[str, str]) -> None:
        with self._lock:
            self._known = known
            self._used = Counter()
            for run, size in self._taken.items():
                self._used[self._experiment(run)] += size

    def _kept(self) -> Quotas:
        """Return the quotas; while the file says something else, those that it had before."""
        with suppress(WordsRejected):
            self._last = self._quotas()
        return self._last

    def _experiment(self, run: str) -> str:
        return self._known.get(run) or self._stated.get(run) or EXPERIMENT_DEFAULT
