"""How fast everything that runs said is searched.

50,000 runs with forty settings each, and ten million lines of consoles that look like those of real
trainings: steps with changing numbers, progress bars, warnings, tracebacks, and lines that occur
once. A question is timed as a person waits for it: read, found, grouped by run, its lines fetched
and marked. Lines are made anew where a server reads them from a view.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from foldline_views.text.documents import (
    BLOCK_LINES,
    ConsoleLines,
    Document,
    RunWords,
    SourceLines,
)
from foldline_views.text.index import TextIndex
from foldline_views.text.question import parse
from foldline_views.text.search import search, search_ids

from .report import Report, best_of, resident_mib, scratch

__all__ = ["measure"]

RUNS = 50_000
PRINTING_RUNS = 5_000  # these print everything: 2,000 lines each
BLOCKS = 10_000_000 // BLOCK_LINES
COMMIT_DOCUMENTS = 20_000
ASKED = 100  # times, for each question, or as often as fits these seconds
ASKED_S = 2.0
NOW = 1_769_900_000.0

MODELS = ("resnet-50", "vit-base-patch16", "bert-base-uncased", "convnext-tiny", "gpt2-medium")
OPTIMISERS = ("adamw", "sgd", "lion", "adafactor")

ABOUT_RUNS = {
    "rare": "quokka777", "common": "adamw", "a phrase": '"bert base uncased"', "a prefix": "conv*",
    "fuzzy": "quoka777~", "a field": "tag:baseline", "a setting": "param:seed=77",
    "two fields": "experiment:vision param:optimizer=lion",
    "denied": "experiment:vision -tag:baseline",
}  # fmt: skip
ABOUT_LINES = {
    "rare": "needle777", "common": "loss", "a phrase": '"out of memory"',
    "a common phrase": '"img s"', "a prefix": "needle77*", "a common prefix": "lo*",
    "a prefix of numbers": "1234*", "fuzzy": "memroy~", "two words": "cuda memory",
    "two common words": "epoch loss", "denied": "gradient -clipped", "a field": "line:RuntimeError",
    "of some runs": "experiment:vision clipped", "of some time": "clipped after:10d",
    "nothing": "zyxwvut",
}  # fmt: skip


def measure() -> Report:
    """Index both shapes, and ask."""
    report = Report("search", "Full text: 50,000 runs, and 10 M lines of consoles")
    with scratch("search-runs") as folder:
        _fill(report, folder, "runs", (_words(run) for run in range(RUNS)), at_least=3_000)
        _ask(report, folder, "runs", ABOUT_RUNS, ms_at_most=10.0)
    with scratch("search-lines") as folder:
        with TextIndex(folder, write=True) as index:
            index.put(_words(run) for run in range(PRINTING_RUNS))
            index.commit()
        _fill(report, folder, "lines", map(_block, range(BLOCKS)), at_least=100_000)
        _ask(report, folder, "lines", ABOUT_LINES, ms_at_most=50.0)
        _grow(report, folder)
    report.add("memory of this process at its end", resident_mib(), "MiB")
    return report


def _fill(
    report: Report, folder: Path, what: str, documents: Iterator[Document], *, at_least: float
) -> None:
    """Put documents as a rebuild does; the time that it takes to make them up is not counted."""
    count, spent = 0, 0.0
    index = TextIndex(folder, write=True)
    while batch := list(islice(documents, COMMIT_DOCUMENTS)):
        started = time.perf_counter()
        index.put(batch, fresh=True)
        index.commit()
        spent += time.perf_counter() - started
        count += sum(len(one.lines) if isinstance(one, ConsoleLines) else 1 for one in batch)
    started = time.perf_counter()
    index.close()  # waits until parts are merged
    spent += time.perf_counter() - started
    size = sum(file.stat().st_size for file in folder.iterdir())
    report.add(f"{what}: indexed", count / spent, "a second", at_least=at_least)
    report.add(f"{what}: on disk", size / count, "bytes each")
    report.add(f"{what}: memory after indexing", resident_mib(), "MiB")


def _ask(
    report: Report, folder: Path, what: str, questions: dict[str, str], *, ms_at_most: float
) -> None:
    with TextIndex(folder) as index:
        for shape, text in questions.items():
            took: list[tuple[float, float]] = []
            started = time.perf_counter()
            while len(took) < ASKED and time.perf_counter() - started < ASKED_S:
                before, busy = time.perf_counter(), time.process_time()
                found = search(index, parse(text, now=NOW), _fetch)
                took.append((time.perf_counter() - before, time.process_time() - busy))
            (p50, busy50), (p99, _) = np.percentile(np.array(took) * 1e3, [50, 99], axis=0)
            note = f"{'' if found.exact else 'at most '}{found.total:,} runs"
            report.add(f"{what}: {shape}, {text}, p50", p50, "ms", at_most=ms_at_most, note=note)
            report.add(f"{what}: {shape}, {text}, p99", p99, "ms")
            report.add(f"{what}: {shape}, {text}, processor, p50", busy50, "ms")
        for text in ("adamw", "cuda memory", "loss") if what == "lines" else ("adamw",):
            question = parse(text)
            spent = best_of(partial(search_ids, index, question, _fetch), 5)
            report.add(f"{what}: all ids for {text}, best of 5", spent * 1e3, "ms")


def _grow(report: Report, folder: Path) -> None:
    """Add to the full index as a training does that prints: a part of a block at a time."""
    took = []
    with TextIndex(folder, write=True) as index, TextIndex(folder) as reader:
        lines = [f"fresh line{number}" for number in range(BLOCK_LINES)]
        for count in range(1, 31):
            started = time.perf_counter()
            index.put([ConsoleLines(1, NOW + count, "live", 0, NOW, 0, lines[:count])])
            index.commit()
            reader.reload()
            found = search(reader, parse(f'"fresh line{count - 1}"'), lambda _: lines)
            assert found.total == 1
            took.append(time.perf_counter() - started)
    report.add("lines: printed to found, p50", sorted(took)[15] * 1e3, "ms", at_most=1_000)
    report.add("lines: printed to found, longest", max(took) * 1e3, "ms")


# --- what was run and said ------------------------------------------------------------------------


def _words(run: int) -> RunWords:
    dice = random.Random(run)
    model = dice.choice(MODELS)
    params = {f"model.layers.{place}.width": str(64 << dice.randrange(5)) for place in range(30)}
    params |= {
        "optimizer": dice.choice(OPTIMISERS),
        "hparams.lr": repr(round(10 ** dice.uniform(-5, -1), 6)),
        "seed": str(run % 500),
    }
    return RunWords(
        run,
        NOW - run * 60,
        f"run{run:013d}",
        name=f"{model} {dice.choice(('sweep', 'ablation', 'final'))} quokka{run}",
        experiment=dice.choice(("vision", "language", "debug")),
        notes="tried a longer warm-up" * dice.randrange(2),
        tags=dice.sample(("baseline", "paper", "broken", "gpu", "nightly"), 2),
        params=params,
        git=(f"{dice.getrandbits(160):040x}", "main", "Make the loader wait less"),
        hosts=(f"node-{run % 64:02d}.cluster",),
        user=dice.choice(("ann", "bo", "chen")),
        command=f"python train.py --model {model} --seed {run}",
        status=dice.choice(("finished", "failed", "killed")),
    )


def _block(number: int) -> ConsoleLines:
    run, place = number % PRINTING_RUNS, number // PRINTING_RUNS
    until = NOW - (BLOCKS - number) * 60.0
    return ConsoleLines(run, until, "w", place * BLOCK_LINES, until - 50, 0, _lines(number))


def _lines(number: int) -> list[str]:
    """Return the lines of a block: the same whenever they are asked for."""
    dice = random.Random(number)
    chance, lines = dice.random, []
    epoch, clock = number % 90, f"2026-01-{number % 28 + 1:02d} 10:{number % 60:02d}"
    for place in range(BLOCK_LINES):
        kind = chance()
        step = number * BLOCK_LINES + place
        if kind < 0.7:
            lines.append(
                f"[{clock}:{place:02d}] epoch {epoch} step {step} loss={2 * kind:.5f} "
                f"lr=0.000{int(99 * kind)} {int(900 + 600 * kind)} img/s"
            )
        elif kind < 0.85:
            shard = int(1e6 * kind) % 5000
            lines.append(
                f"INFO worker {place % 8}: loaded shard-{shard:05d}.tar from /srv/imagenet/train "
                f"in {shard % 997} ms"
            )
        elif kind < 0.95:
            lines.append(
                f"{place}%|{'#' * (place // 4)}| {place}/100 [00:12<00:17, {kind:.2f}it/s]"
            )
        else:
            lines.append(f"WARNING gradient norm {100 * kind:.3f} clipped to 1.0")
    if number % 50 == 0:
        lines[-4:] = [
            "Traceback (most recent call last):",
            f'  File "/srv/train/model.py", line {number % 900}, in forward',
            "    return self.head(self.blocks(x))",
            f"RuntimeError: CUDA out of memory. Tried to allocate {number % 9000} MiB",
        ]
    if number % 100 == 77:
        lines[0] = f"checkpoint needle{number} written"
    return lines


def _fetch(block: SourceLines | ConsoleLines) -> Sequence[str]:
    return _lines(block.first // BLOCK_LINES * PRINTING_RUNS + block.run)
