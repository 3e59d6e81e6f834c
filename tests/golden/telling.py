"""What is read of a store."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

import foldline
from foldline import blobs, events, spool
from foldline.layout import Layout, SegmentName
from foldline.packs import packed_names
from foldline_ingest.batch import Batch
from foldline_ingest.reader import SegmentReader
from foldline_ingest.verify import verify
from foldline_views import bookmarks, rules, tagwords

__all__ = ["told"]


def told(store: Path) -> dict[str, Any]:
    """Return everything, as plain JSON; a copy of the store is folded, and it stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "store"
        shutil.copytree(store, copy)
        layout = Layout(copy)
        report = verify(layout)
        found = {
            "log": {f"{name.run}/{name.writer}": _segment(layout, name) for name in names(layout)},
            "damage": report.damage,
            "torn": report.torn,
            "spool": [_waiting(path) for path in sorted(layout.spool.iterdir())],
            "runs": _runs(copy),
            "kept": [
                [[rule.id, rule.query] for rule in rules.read(layout).rules],
                [[one.name, one.page, one.url] for one in bookmarks.read(layout).bookmarks],
                tagwords.read(layout),
            ],
        }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found, enc_hook=repr))
    return plain


def names(layout: Layout) -> list[SegmentName]:
    """Return every segment of a store."""
    files = layout.runs.glob("*/log/*.fold")
    return sorted({SegmentName(f.parents[1].name, f.stem) for f in files} | packed_names(layout))


def _segment(layout: Layout, name: SegmentName) -> dict[str, Any]:
    """Return the records of a segment; numbers as bits, so that NaNs are told apart."""
    reader = SegmentReader(name, layout.segment(name))
    batches: list[Batch] = []
    while (batch := reader.read(final=True)).bytes:
        batches.append(batch)
    reader.close()
    return {
        "finished": batches[-1].finished,
        "points": [
            [int(series), *(float(one).hex() for one in (step, time)), value.tobytes().hex()]
            for batch in batches
            for series, step, value, time in zip(*batch.points[:4], strict=True)
        ],
        "events": [
            [head.type, head.seq, _event(head.type, head.payload)]
            for batch in batches
            for head in batch.events
        ],
        "blobs": sorted({blob for batch in batches for blob in _blobs(layout, batch)}),
    }


def _event(number: int, payload: bytes) -> Any:
    event = events.decode(number, payload)
    return payload.hex() if event is None else msgspec.to_builtins(event)


def _blobs(layout: Layout, batch: Batch) -> list[str]:
    """Return the blobs that values name, each of which can be read."""
    decoded = [events.decode(head.type, head.payload) for head in batch.events]
    values = [v for one in decoded if isinstance(one, events.ValuesTracked) for v in one.values]
    for value in values:
        assert not value.blob or len(blobs.read(layout, value.blob)) == value.size
    return [value.blob for value in values if value.blob]


def _waiting(path: Path) -> list[Any]:
    call, raws = spool.read(path)
    parts = [[bytes(part).hex()[:64] for part in raw.parts] for raw in raws]
    return [path.name, msgspec.to_builtins(call), parts]


def _runs(store: Path) -> dict[str, Any]:
    with foldline.open(store) as opened:
        return {
            run.id: {
                "status": run.status,
                "name": run.name,
                "experiment": run.experiment,
                "tags": sorted(run.tags),
                "params": run.params,
                "summary": run.summary,
                "lines": [[line.stream, line.number, line.text] for line in run.lines()],
                "messages": [[message.level, message.text] for message in run.messages()],
                "sequences": [
                    [one.kind, one.name, dict(one.context), list(map(float, one.steps))]
                    for one in run.sequences()
                ],
                "series": sorted(
                    [one.name, sorted(one.context.items()), one.count, one.steps.tobytes().hex(),
                     one.values.tobytes().hex()]
                    for one in opened.series(f'run.id == "{run.id}"')
                ),
            }
            for run in opened.runs()
        }  # fmt: skip
