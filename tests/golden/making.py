"""A small store with everything that a log can hold.

python -m tests.golden.making

Writes `format<N>.tar.gz` and `format<N>.json` beside this file: the bytes of a store of the format
that this version writes, and what was read of them then. Whoever changes the format so that
STORE_FORMAT grows runs it once, and commits both. What was written is never changed, so every
later version is held to it: the script refuses to write over a format that is there.
"""

from __future__ import annotations

import json
import struct
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

import numpy as np

import foldline
from foldline import blobs, events, spool
from foldline.cell import POINT, POINT_INT
from foldline.layout import STORE_FORMAT, Layout, SegmentName
from foldline_ingest.packing import pack
from foldline_views import bookmarks, rules, tagwords
from foldline_views.conditions import Threshold
from foldline_views.rules import Rule
from tests.golden.telling import told
from tests.segment_build import SegmentBuild

__all__ = ["FOLDER", "make"]

FOLDER = Path(__file__).parent
NAN = struct.unpack("<d", bytes.fromhex("efbeadde0000f87f"))[0]  # one with a payload of its own


def make(store: Path) -> None:
    """Write the store."""
    layout = Layout(store)
    layout.create()
    _packed(layout)
    _put(layout, _training(layout), "every", "wa")
    _put(layout, _companion(layout), "every", "wb")
    _put(layout, _killed(), "every", "wc")
    _put(layout, _server(), "every", "wd")
    _real(layout)
    _kept(layout)


def _put(layout: Layout, data: bytes, run: str, writer: str) -> None:
    path = layout.segment(SegmentName(run, writer))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _packed(layout: Layout) -> None:
    """Two writers of a run that ended long ago."""
    for writer, salt in (("wa", 0x1111_2222_3333_4444), ("wb", 0x5555_6666_7777_8888)):
        build = SegmentBuild("packed", writer, salt=salt, window=4096, block=1024)
        build.define(1, "loss")
        for step in range(120):
            build.point(1, step, 1.0 / (step + 1))
        _put(layout, build.close(), "packed", writer)
    pack(layout, idle_s=0)


def _training(layout: Layout) -> bytes:
    """A training that says everything a training can say, in small windows."""
    build = SegmentBuild("every", "wa", salt=0x0123_4567_89AB_CDEF, window=2048, block=512)
    text = blobs.put(layout, b"a text that is longer than an event should be\n" * 200)
    file = events.StoredFile("model/weights.txt", text, 9200)
    for event in (
        events.FieldsSet({"name": "of every kind", "experiment": "golden", "notes": "*kept*"}),
        events.ParamsSet([], {"hparams": {"lr": 0.1, "layers": [64, 32], "amp": True}, "no": None}),
        events.ParamsSet(["hparams", "depth"], 7),
        events.ParamsRemoved(["no"]),
        events.TagsChanged(added=["baseline", "paper"]),
        events.TagsChanged(removed=["paper"]),
        events.MetricDefined("loss", step_metric="epoch", summary=["best"], goal="minimize"),
        events.SummarySet(["best", "loss"], 0.25),
        events.ProgressReported(60.0, 3, 10),
        events.MessageLogged(30, "look: ünïcödé", "train", {"n": 1}, "train.py:7"),
        events.AlertRaised("diverged", "it is NaN", 40, "", "loss", {}, 3, 1.5, 1_700_000_002.0),
        events.RunForked("packed", 100),
        events.ArtifactLogged("model", "d1" * 32, [file], "model", ["best"], {"k": 1}),
        events.ArtifactUsed("dataset", "d2" * 32, "packed"),
        events.PointsDropped(3, "No space left on device"),
        events.ValuesTracked(
            "text", "said", 1, 1_700_000_003.0,
            [events.Value("text/plain", 9200, text), events.Value("text/plain", 2, inline=b"hi")],
            {"subset": "val"}, 0.5,
        ),
    ):  # fmt: skip
        build.event(event)
    build.define(1, "loss")
    build.define(2, "acc", {"subset": "val"})
    for step, value in enumerate((1.0, NAN, float("inf"), -0.0, 5e-324, -1e308)):
        build.point(1, step, value)
    for step in range(40):
        build.point(2, step + 0.5, step / 8)
    # Of epoch 3, and with a step that the SDK counted.
    build.foreign(POINT_INT.pack(POINT, 1, 4, 1, 0.125, 2**40, 1_700_000_500.0))
    build.wide(1, 2**41, 0.5)
    build.raw(900, b"\x81\xa1x\x01 of a later version")
    build.foreign(_later_kind(build, b"a cell of a later version"))
    build.event(events.StepsRewound(2**40))
    return build.close()


def _companion(layout: Layout) -> bytes:
    """What stood beside it, and captured."""
    build = SegmentBuild("every", "wb", salt=0xFEDC_BA98_7654_3210, window=4096, block=1024)
    code = blobs.put(layout, b"import foldline\n")
    for event in (
        events.ConsolePrinted("stdout", 0, "first\n\x1b[31msecond\x1b[0m"),
        events.ConsolePrinted("stderr", 2, "  50 %", ended=False),
        events.ConsolePrinted("stderr", 2, " 100 %"),
        events.GitCaptured(
            "c0ffee" * 6 + "c0ff", "main", subject="Begin", diff=code, diff_bytes=16
        ),
        events.PackagesCaptured({"foldline": "0.1.0", "numpy": "2.0.0"}),
        events.MachineCaptured("Linux 6.1.0 x86_64", "ann", "a folder", cpus=8, gpus=["A100"]),
        events.EnvironmentCaptured({"CUDA_VISIBLE_DEVICES": "0"}),
        events.SourcesCaptured("train.py", [events.StoredFile("train.py", code, 16)]),
    ):
        build.event(event)
    return build.close()


def _killed() -> bytes:
    """A rank that was killed: no last seals, and zeros behind what was written."""
    build = SegmentBuild("every", "wc", salt=0x0F0F_0F0F_F0F0_F0F0, window=2048, block=512)
    build.define(1, "loss")
    for step in range(100):
        build.point(1, step, step * 2.0)
    return build.killed(allocated=512)


def _server() -> bytes:
    """What a server says: that a writer is gone, and came back."""
    build = SegmentBuild("every", "wd", salt=0x1357_9BDF_0246_8ACE)
    lost = events.WriterLost("wc", 1_700_000_100.0, "it is gone", signal="SIGKILL")
    build.event(lost)
    build.event(events.WriterFound("wc"))
    build.event(lost)
    return build.close()


def _real(layout: Layout) -> None:
    """A run that the SDK logged."""
    with foldline.Run(id="real", store=layout.root, params={"lr": 0.1}, capture=False) as run:
        for step in range(50):
            run.track(step * 0.5, name="loss", step=step, context={"subset": "train"})
        run.track(0.5, name="acc", epoch=1.5)
        run.track(foldline.Text("a short text"), name="said", step=0)
        run.track(foldline.Image(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)), name="pictures")
        run.track(foldline.Table(["a", "b"], [[1, "x"], [2, "y"]]), name="cells")
        run.track(foldline.Distribution(np.arange(10.0)), name="weights")
        run.add_tag("golden")
    for marker in layout.active.iterdir():
        marker.unlink()


def _kept(layout: Layout) -> None:
    """What people keep, and a value that waits in the spool."""
    rules.add(layout, Rule("high", Threshold(above=1.0), query='metric.name == "loss"'))
    bookmarks.add(layout, name="mine", page="runs", url="runs?query=x")
    tagwords.describe(layout, "baseline", {"description": "what others are compared with"})
    raw = foldline.Text("it waits " * 700).raw()
    event = events.ValuesTracked("text", "late", 7, 1_700_000_200.0, [])
    layout.spool.mkdir(mode=0o700, exist_ok=True)
    spool.write(layout.spool / "every.wc.0", spool.call_of(event, [raw]), [raw])


def _later_kind(build: SegmentBuild, payload: bytes) -> bytes:
    """Return a record of kind 77, shaped as an event."""
    payload = payload.ljust(32, b"\0")
    start = zlib.crc32(struct.pack("<QQ", build.salt, len(build.data)))
    fields = (77, 0, 1, len(payload), zlib.crc32(payload, start))
    head = struct.pack("<BBHIIIqd", *fields, 0, 0, 1.0)
    return struct.pack("<BBHIIIqd", *fields, zlib.crc32(head, start), 0, 1.0) + payload


def main() -> int:
    """Write the files of this format; return 1 if they are there."""
    archive = FOLDER / f"format{STORE_FORMAT}.tar.gz"
    if archive.exists():
        there = f"{archive.name} is there: it is what stores of that format look like, for good\n"
        sys.stderr.write(there)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        make(store)
        text = json.dumps(told(store), indent=0, sort_keys=True, ensure_ascii=False)
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(store, "store", filter=_nobody)
        archive.with_name(f"format{STORE_FORMAT}.json").write_text(text + "\n")
    return 0


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made it, and when."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 1_700_000_000
    return member


if __name__ == "__main__":
    sys.exit(main())
