"""The view of values says what the log says."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline.events import StepsRewound, Value, ValuesTracked, WriterOpened
from foldline.layout import Layout
from foldline_views.authors import AuthorsView
from foldline_views.contents import EntryRow, ValueRow, ValuesRequest
from foldline_views.logged import read_sequences
from foldline_views.tracked import TrackedView
from foldline_views.valuepages import runs_entries, values_page
from tests.segment_build import SegmentBuild
from tests.views.bench import Bench, keep, shuffled

NAN = float("nan")
VALUES = {
    "text": [Value("text/plain", 2, inline=b"hi"), Value("text/markdown", 0)],
    "image": [Value("image/png", 9000, "ab" * 32, attributes={"caption": "a", "width": 3})],
    "audio": [Value("audio/wav", 3, inline=b"\0\1\2")],
}
tracked = st.tuples(
    st.sampled_from(["wa", "wb", "companion"]),
    st.sampled_from(list(VALUES)),
    st.sampled_from(["a", "b"]),
    st.sampled_from([0, 1, 2, 2.0, 2.5, 7, -1, NAN, 2**60]),
    st.sampled_from([{}, {"subset": "val"}, {"b": 1, "a": [2]}]),
    st.sampled_from([1000.0, 1000.5, 1001.0, 1002.0, NAN]),
    st.sampled_from([None, 0.5]),
)
rewound = st.tuples(st.sampled_from(["wa", "wb"]), st.sampled_from([0, 1, 2.25, 5, NAN]))
logs = st.lists(st.one_of(tracked, tracked, tracked, rewound), max_size=30)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "store")
    made.create()
    return made


def folded(layout: Layout, seed: int = 0, runs: tuple[str, ...] = ("run1",)) -> Bench:
    """Return the view of runs, folded in commits of any cut."""
    bench = Bench(layout, [AuthorsView(), TrackedView()])
    for run in runs:
        for batches in shuffled(layout, run, random.Random(seed)):
            bench.apply(batches)
    return bench


def segments(layout: Layout, said: list[tuple[Any, ...]], run: str = "run1") -> None:
    """Keep what each writer told, as it was told."""
    builds: dict[str, SegmentBuild] = {}
    for writer, *what in said:
        if writer not in builds:
            builds[writer] = SegmentBuild(run, writer, window=4096, block=1024, start=1000.0)
            if writer == "companion":
                builds[writer].event(WriterOpened("lab", 2, role="companion", beside="wa"))
        if len(what) == 1:
            builds[writer].event(StepsRewound(what[0]))
            continue
        kind, name, step, context, time, epoch = what
        event = ValuesTracked(kind, name, step, time, VALUES[kind], context, epoch)
        builds[writer].event(event)
    for writer, build in builds.items():
        keep(layout, build, writer, run)


def logged(layout: Layout) -> list[tuple[Any, ...]]:
    return [
        (one.kind, one.name, one.context, entry.step, entry.epoch, entry.time, entry.values)
        for one in read_sequences(layout, "run1")
        for entry in one.entries
    ]


def told(entries: list[EntryRow]) -> list[tuple[Any, ...]]:
    """Return entries as the log tells them."""
    return [
        (
            entry.kind,
            entry.name,
            entry.context,
            entry.step,
            entry.epoch,
            entry.time,
            [
                Value(
                    value.media_type,
                    value.size,
                    value.blob,
                    value.inline if value.text is None else value.text.encode(),
                    value.attributes,
                )
                for value in entry.values
            ],
        )
        for entry in entries
    ]


@settings(max_examples=100, deadline=None)
@given(said=logs, seed=st.integers(0, 1000), limit=st.integers(1, 7))
def test_values_are_those_of_the_log(said: list[tuple[Any, ...]], seed: int, limit: int) -> None:
    """In any cut and order of commits: what counts, and is not rewound, in the log's order."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "store")
        layout.create()
        segments(layout, said)
        db = folded(layout, seed).db
        expected = logged(layout)
        for each in (None, 1):
            found: list[EntryRow] = []
            cursor = None
            while True:
                asked = ValuesRequest(limit=limit, cursor=cursor, each=each)
                page = values_page(db, "run1", asked)
                assert len(page.entries) <= limit
                found += page.entries
                cursor = page.cursor
                if cursor is None:
                    break
            firsts = {row[1] + row[0] + str(row[2]): row for row in reversed(expected)}
            assert told(found) == (expected if each is None else list(reversed(firsts.values())))
            assert sum(row.count for row in page.sequences) == len(expected)
        for row in page.sequences:
            steps = [one[3] for one in expected if one[:3] == (row.kind, row.name, row.context)]
            assert (row.first_step, row.last_step) == (float(steps[0]), float(steps[-1]))


def test_values_are_chosen_by_kind_name_context_and_step(layout: Layout) -> None:
    """Each choice leaves out what it says, and the last steps can come first."""
    segments(
        layout,
        [
            ("wa", kind, name, step, context, 1000.0 + step, None)
            for kind in ("image", "text")
            for name in ("a", "b")
            for context in ({}, {"subset": "val", "of": 1})
            for step in range(5)
        ],
    )
    db = folded(layout).db

    def asked(**request: Any) -> list[tuple[Any, ...]]:
        entries = values_page(db, "run1", ValuesRequest(**request)).entries
        return [(entry.kind, entry.name, entry.context, entry.step) for entry in entries]

    assert len(asked()) == 40
    assert {row[0] for row in asked(kind="text")} == {"text"}
    assert len(asked(name="b", context={})) == 10
    assert asked(kind="image", name="a", context={"of": 1, "subset": "val"}, from_step=3) == [
        ("image", "a", {"of": 1, "subset": "val"}, 3),
        ("image", "a", {"of": 1, "subset": "val"}, 4),
    ]
    assert [row[3] for row in asked(to_step=0.5)] == [0] * 8
    assert [row[3] for row in asked(newest=True, each=2, kind="text", name="a", context={})] == [
        4,
        3,
    ]
    assert asked(kind="video") == [] and asked(name="'; --") == []
    assert values_page(db, "nowhere", ValuesRequest()).entries == []


def test_runs_are_gone_through_one_after_another(layout: Layout) -> None:
    """A page may end within a run; the next one goes on there, and then with the next run."""
    for run in ("run1", "run2", "run3"):
        said: list[tuple[Any, ...]] = [
            ("wa", "text", "a", step, {}, 1000.0, None) for step in range(3)
        ]
        segments(layout, said, run)
    db = folded(layout, runs=("run1", "run2", "run3")).db
    order = ["run3", "run1", "run2"]
    found: list[tuple[str, Any]] = []
    cursor = None
    while True:
        entries, cursor = runs_entries(db, order, ValuesRequest(limit=4, cursor=cursor))
        found += [(entry.run, entry.step) for entry in entries]
        if cursor is None:
            break
        with pytest.raises(QueryError):
            runs_entries(db, ["run9"], ValuesRequest(cursor=cursor))
    assert found == [(run, step) for run in order for step in range(3)]


def test_bytes_that_are_few_come_along(layout: Layout) -> None:
    """A short text is a text, other short values are their bytes, and large ones a blob's name."""
    said: list[tuple[Any, ...]] = [("wa", kind, "a", 0, {}, 1000.0, None) for kind in VALUES]
    segments(layout, said)
    audio, image, text = values_page(folded(layout).db, "run1", ValuesRequest()).entries
    assert audio.values == [ValueRow("audio/wav", 3, inline=b"\0\1\2")]
    assert image.values[0].blob == "ab" * 32 and image.values[0].attributes["width"] == 3
    assert [value.text for value in text.values] == ["hi", ""]
