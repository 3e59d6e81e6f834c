"""What becomes of a run's facts."""

from __future__ import annotations

import itertools
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.events import (
    Event,
    FieldsSet,
    ParamsRemoved,
    ParamsSet,
    PointsDropped,
    TagsChanged,
    WriterClosed,
    WriterLost,
    WriterOpened,
)
from foldline_ingest.batch import Fact
from foldline_views.runs import RunState, fold_run, params, status

OPENED = WriterOpened("lab", 1)


def said(*facts: tuple[float, str, Event]) -> list[Fact]:
    """Return facts with a seq for each writer, counted in the order given."""
    counts: dict[str, int] = {}
    found = []
    for time, writer, event in facts:
        counts[writer] = counts.get(writer, -1) + 1
        found.append(Fact(time, writer, counts[writer], event))
    return found


def folded(facts: list[Fact]) -> RunState:
    return fold_run(RunState(), facts)


def encoded(state: RunState) -> bytes:
    return msgspec.msgpack.encode(state)


def tags(state: RunState) -> set[str]:
    return {tag for tag, (on, _) in state.tags.items() if on}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], "running"),
        ([(1, "a", OPENED)], "running"),
        ([(1, "a", OPENED), (2, "a", WriterClosed("finished"))], "finished"),
        ([(1, "a", OPENED), (2, "a", WriterClosed("failed", "E", "m"))], "failed"),
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2))], "killed"),
        # What the process itself said of its end is worth more than what was seen of it.
        ([(1, "a", OPENED), (2, "a", WriterClosed("finished")), (9, "z", WriterLost("a", 2))],
         "finished"),
        # While one of several still writes, the run goes on.
        ([(1, "a", OPENED), (1, "b", OPENED), (2, "a", WriterClosed("failed"))], "running"),
        # Of processes that ran together, one that failed decides.
        ([(1, "a", OPENED), (1.5, "b", OPENED), (3, "a", WriterClosed("finished")),
          (4, "b", WriterClosed("failed"))], "failed"),
        ([(1, "a", OPENED), (1.5, "b", OPENED), (3, "a", WriterClosed("finished")),
          (9, "z", WriterLost("b", 4))], "finished"),
        # A resumed run is what became of it the last time.
        ([(1, "a", OPENED), (2, "a", WriterClosed("failed")), (5, "b", OPENED),
          (6, "b", WriterClosed("finished"))], "finished"),
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2)), (10, "b", OPENED)], "running"),
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2)), (10, "b", OPENED),
          (11, "b", WriterClosed("finished"))], "finished"),
    ],
)  # fmt: skip
def test_status(facts: list[tuple[float, str, Event]], expected: str) -> None:
    """The status follows from how each writer ended, in whatever order that was heard."""
    whole = said(*facts)
    for order in itertools.islice(itertools.permutations(whole), 24):
        assert status(folded(list(order))) == expected


def test_the_last_write_wins() -> None:
    """Of two writers' words the later one stands: by time, then writer, then order."""
    state = folded(
        said(
            (5, "a", FieldsSet({"name": "at five", "notes": "kept"})),
            (9, "b", FieldsSet({"name": "at nine"})),
            (7, "a", FieldsSet({"name": "at seven", "experiment": "x"})),
            (9, "a", FieldsSet({"name": "at nine, of a"})),
        )
    )
    assert {name: value for name, (value, _) in state.fields.items()} == {
        "experiment": "x", "name": "at nine", "notes": "kept",
    }  # fmt: skip


def test_tags_are_put_on_and_taken_off() -> None:
    """A tag is there if the last that was said of it put it on."""
    facts = said(
        (1, "a", TagsChanged(["x", "y"])),
        (2, "b", TagsChanged([], ["x"])),
        (3, "a", TagsChanged(["z"], ["y"])),
        (4, "b", TagsChanged(["y"])),
    )
    for order in itertools.permutations(facts):
        assert tags(folded(list(order))) == {"y", "z"}


@pytest.mark.parametrize(
    ("patches", "expected"),
    [
        ([(["a"], {"b": 1}), (["a", "c"], 2)], {"a": {"b": 1, "c": 2}}),
        ([(["a", "c"], 2), (["a"], {"b": 1})], {"a": {"b": 1}}),
        ([(["a"], 5), (["a", "b"], 1)], {"a": {"b": 1}}),
        ([(["a", "b"], 1), (["a"], 5)], {"a": 5}),
        ([(["a"], 1), ([], {"x": 2})], {"x": 2}),
        ([([], {"x": {"y": 2}}), (["x", "z"], 3)], {"x": {"y": 2, "z": 3}}),
        ([(["a"], None)], {"a": None}),
        ([(["a"], {"b": 1, "c": 2}), (["a", "b"], ParamsRemoved)], {"a": {"c": 2}}),
        ([(["a"], 1), (["a"], ParamsRemoved)], {}),
        ([(["a"], ParamsRemoved), (["a"], 1)], {"a": 1}),
        ([(["a"], {"b": 1}), (["a"], ParamsRemoved), (["a", "c"], 3)], {"a": {"c": 3}}),
        ([(["a"], 5), (["a", "b", "c"], ParamsRemoved)], {"a": 5}),
        ([(["q", "r"], ParamsRemoved)], {}),
    ],
)
def test_params_are_replaced_by_prefix(
    patches: list[tuple[list[str], Any]], expected: dict[str, Any]
) -> None:
    """A setting replaces what stood at its path and below, and leaves what is beside it."""
    events: list[Event] = [
        ParamsRemoved(path) if value is ParamsRemoved else ParamsSet(path, value)
        for path, value in patches
    ]
    facts = said(*((float(i), "w", event) for i, event in enumerate(events, 1)))
    for order in itertools.permutations(facts):
        assert params(folded(list(order))) == expected
    before = encoded(state := folded(facts))
    params(state)["new"] = 1
    assert encoded(state) == before, "reading the params does not change them"


paths = st.lists(st.sampled_from("abc"), max_size=3)
words = st.one_of(
    st.builds(ParamsSet, paths, st.one_of(st.integers(0, 3), st.just({"a": {"b": 1}, "c": 2}))),
    st.builds(ParamsRemoved, paths.filter(bool)),
    st.builds(FieldsSet, st.dictionaries(st.sampled_from(["name", "notes"]), st.text(max_size=2))),
    st.builds(TagsChanged, st.lists(st.sampled_from("xyz")), st.lists(st.sampled_from("xyz"))),
    st.just(OPENED),
    st.builds(WriterClosed, st.sampled_from(["finished", "failed"])),
    st.builds(WriterLost, st.sampled_from("pqr"), st.floats(0, 9)),
    st.builds(PointsDropped, st.integers(1, 5), st.just("full")),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9).map(float), st.sampled_from("pqr"), words), max_size=14),
    st.randoms(use_true_random=False),
)
def test_any_interleaving_gives_the_same_bytes(
    facts: list[tuple[float, str, Event]], chance: random.Random
) -> None:
    """However the writers' facts are mixed and cut, the state is the same to the byte."""
    # One writer's own facts come in its order, and its clock does not go back.
    by_writer = {w: said(*sorted((f for f in facts if f[1] == w), key=lambda f: f[0]))
                 for w in "pqr"}  # fmt: skip
    whole = encoded(folded([fact for part in by_writer.values() for fact in part]))
    waiting = [part for part in by_writer.values() if part]
    state = RunState()
    while waiting:
        part = chance.choice(waiting)
        count = chance.randint(1, len(part))
        state = fold_run(state, part[:count])
        if chance.random() < 0.5:  # read again from the file
            state = msgspec.msgpack.decode(encoded(state), type=RunState)
        del part[:count]
        waiting = [part for part in waiting if part]
    assert encoded(state) == whole


def test_dropped_points_add_up() -> None:
    """What a writer could not keep is counted, whoever else writes."""
    state = folded(
        said((1, "a", PointsDropped(3, "full")), (2, "b", PointsDropped(4, "full")),
             (3, "a", PointsDropped(5, "full")))
    )  # fmt: skip
    assert {name: writer.dropped for name, writer in state.writers.items()} == {"a": 8, "b": 4}
