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
    AlertRaised,
    ArtifactLogged,
    ArtifactUsed,
    EnvironmentCaptured,
    Event,
    FieldsSet,
    GitCaptured,
    MachineCaptured,
    MetricDefined,
    PackagesCaptured,
    ParamsRemoved,
    ParamsSet,
    PointsDropped,
    ProgressReported,
    RunForked,
    SourcesCaptured,
    StoredFile,
    SummarySet,
    TagsChanged,
    WriterClosed,
    WriterFound,
    WriterLost,
    WriterOpened,
)
from foldline_ingest.batch import Fact
from foldline_views import heads
from foldline_views.answers import Alert, MetricDefinition, Parent, Progress, RunError
from foldline_views.patches import tree
from foldline_views.runs import ALERTS_MAX, RunState, fold_run
from foldline_views.writers import status

OPENED = WriterOpened("lab", 1)
COMPANION = WriterOpened("lab", 2, role="companion", beside="a")
SERVER = WriterOpened("lab", 3, role="server")


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
        # Whoever knows a signal or an exit code is believed, whoever else missed the process.
        ([(1, "a", OPENED), (3, "c", WriterLost("a", 3, signal="SIGKILL")),
          (9, "z", WriterLost("a", 2))], "killed"),
        ([(1, "a", OPENED), (3, "c", WriterLost("a", 3, exit_code=3)),
          (2, "z", WriterLost("a", 2))], "failed"),
        ([(1, "a", OPENED), (3, "c", WriterLost("a", 3, exit_code=0)),
          (9, "z", WriterLost("a", 2, silent=True))], "finished"),
        # One that is not heard of is lost, not killed, and may be found, and lost again.
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2, silent=True))], "lost"),
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2, silent=True)),
          (10, "z", WriterFound("a"))], "running"),
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2, silent=True)),
          (10, "z", WriterFound("a")), (20, "z", WriterLost("a", 11, silent=True))], "lost"),
        ([(1, "a", OPENED), (9, "z", WriterLost("a", 2, silent=True)),
          (10, "z", WriterFound("a")), (11, "a", WriterClosed("finished"))], "finished"),
        # Companions and servers are not what a run is about.
        ([(1, "a", OPENED), (1.5, "c", COMPANION), (3, "a", WriterClosed("finished"))], "finished"),
        ([(1, "a", OPENED), (1.5, "c", COMPANION), (9, "z", WriterLost("c", 2))], "running"),
        ([(1, "a", OPENED), (3, "a", WriterClosed("failed")), (5, "s", SERVER)], "failed"),
    ],
)  # fmt: skip
def test_status(facts: list[tuple[float, str, Event]], expected: str) -> None:
    """The status follows from how each writer ended, in whatever order that was heard."""
    whole = said(*facts)
    for order in itertools.islice(itertools.permutations(whole), 24):
        assert status(folded(list(order)).writers.values()) == expected


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
        assert tree(folded(list(order)).params) == expected
    before = encoded(state := folded(facts))
    tree(state.params)["new"] = 1
    assert encoded(state) == before, "reading the params does not change them"


paths = st.lists(st.sampled_from("abc"), max_size=3)
words = st.one_of(
    st.builds(ParamsSet, paths, st.one_of(st.integers(0, 3), st.just({"a": {"b": 1}, "c": 2}))),
    st.builds(ParamsRemoved, paths.filter(bool)),
    st.builds(FieldsSet, st.dictionaries(st.sampled_from(["name", "notes"]), st.text(max_size=2))),
    st.builds(TagsChanged, st.lists(st.sampled_from("xyz")), st.lists(st.sampled_from("xyz"))),
    st.just(OPENED),
    st.builds(WriterClosed, st.sampled_from(["finished", "failed"])),
    st.builds(
        WriterLost,
        st.sampled_from("pqr"),
        st.floats(0, 9),
        st.just(""),
        st.sampled_from(["", "", "SIGKILL"]),
        st.sampled_from([None, 0, 1]),
        st.booleans(),
    ),
    st.builds(WriterFound, st.sampled_from("pqr")),
    st.builds(SummarySet, paths, st.one_of(st.integers(0, 3), st.just({"a": {"b": 1}}))),
    st.builds(MetricDefined, st.sampled_from(["loss", "val/*"]), st.text(max_size=2)),
    st.builds(RunForked, st.sampled_from(["r1", "r2"]), st.one_of(st.none(), st.integers(0, 9))),
    st.builds(AlertRaised, st.sampled_from("uvw")),
    st.builds(ProgressReported, st.floats(0, 9), st.floats(0, 9)),
    st.builds(ArtifactLogged, st.sampled_from(["net", "set"]), st.just("d")),
    st.builds(ArtifactUsed, st.sampled_from(["net", "base"]), st.just("d")),
    st.builds(GitCaptured, st.sampled_from(["c1", "c2"]), untracked=st.just(["x"])),
    st.builds(MachineCaptured, st.just("Linux"), st.sampled_from("uv")),
    st.builds(PointsDropped, st.integers(1, 5), st.just("full")),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9).map(float), st.sampled_from("pqr"), words), max_size=24),
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


def test_of_many_alerts_the_newest_are_kept() -> None:
    """A run holds few alerts, says how many there were, and keeps the newest by time."""
    facts = said(*((float(at % 50), f"w{at % 3}", AlertRaised(f"a{at}")) for at in range(70)))
    for chance in map(random.Random, range(4)):
        mixed = chance.sample(facts, len(facts))
        state = folded(mixed)
        assert state.alerts_total == 70 and len(state.alerts) == ALERTS_MAX
        newest = sorted(facts, key=lambda fact: fact.stamp)[-ALERTS_MAX:]
        assert [alert for alert, _ in state.alerts] == [fact.event for fact in newest]


def test_what_is_large_stays_out() -> None:
    """A state holds no list of files, no attributes and no environment, however many there are."""
    state = folded(
        said(
            (1, "a", OPENED),
            (2, "a", GitCaptured("c", "main", untracked=["f"] * 10_000, diff="d" * 64)),
            (3, "a", MachineCaptured("Linux", "ann", attributes={"slurm": "x" * 10_000})),
            (4, "a", PackagesCaptured({f"p{at}": "1" for at in range(1000)})),
            (5, "a", EnvironmentCaptured({f"V{at}": "x" * 100 for at in range(1000)})),
            (6, "a", SourcesCaptured("a.py", [StoredFile("a.py", "b" * 64, 9)] * 1000)),
        )
    )
    assert len(encoded(state)) < 500
    assert state.git is not None and state.git[0].branch == "main"
    assert state.writers["a"].machine == MachineCaptured("Linux", "ann")


def test_what_answers_say_of_a_run() -> None:
    """Everything folded of a run is in its answer, and its small part in a query's columns."""
    state = folded(
        said(
            (1, "a", WriterOpened("node7", 1, command=["python", "t.py"])),
            (1, "c", WriterOpened("node7", 2, role="companion", beside="a")),
            (2, "a", FieldsSet({"group": "g1", "name": "first", "summary": "no place"})),
            (3, "a", SummarySet(["best"], {"acc": 0.5, "bad": float("nan")})),
            (4, "a", RunForked("r0", 100)),
            (5, "a", AlertRaised("loss is NaN", "at 40", 30)),
            (6, "a", ProgressReported(60.0, 3, 10)),
            (7, "a", MetricDefined("val/*", "epoch", ["min"], "minimize")),
            (8, "c", GitCaptured("4f1c", "main", dirty=True)),
            (9, "c", MachineCaptured("Linux", "ann", gpus=["H100"])),
            (10, "c", WriterLost("a", 9.5, "out of memory", "SIGKILL")),
        )
    )
    head = heads.head("r1", state)
    assert (head.status, head.created_at, head.ended_at) == ("killed", 1, 9.5)
    found = heads.detail(heads.row(head, state, []), state, 640)
    assert found.error == RunError("SIGKILL", "out of memory", "")
    assert found.summary == {"best": {"acc": 0.5, "bad": "NaN"}} and found.fields == {"group": "g1"}
    assert (found.host, found.user, found.alerts_total) == ("node7", "ann", 1)
    assert found.parent == Parent("r0", 100) and found.git is not None and found.git.dirty
    assert found.progress == Progress(3, 10, 60.0, 6)
    assert found.alerts == [Alert("loss is NaN", "at 40", 30, 5)]
    assert found.definitions == [MetricDefinition("val/*", "epoch", ["min"], "minimize", False)]
    trained, companion = found.writers
    assert (trained.signal, trained.reason, trained.role) == ("SIGKILL", "out of memory", "")
    assert trained.command == ["python", "t.py"] and trained.closed_at == 9.5
    assert companion.role == "companion" and companion.status == "running"
    assert companion.machine is not None and companion.machine.gpus == ["H100"]
    cells = heads.cells(head.id, state, 10.0)
    assert cells["summary", "best", "acc"] == 0.5 and cells["git", "branch"] == "main"
    assert (cells["parent",], cells["group",], cells["user",]) == ("r0", "g1", "ann")
    assert ("summary",) not in cells


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (WriterLost("a", 2, "no sign of life for 60 s", silent=True),
         RunError("", "no sign of life for 60 s", "")),
        (WriterLost("a", 2, exit_code=3), RunError("exit code 3", "", "")),
        (WriterLost("a", 2, exit_code=0), None),
    ],
)  # fmt: skip
def test_what_ended_a_run(lost: WriterLost, expected: RunError | None) -> None:
    """A run that did not finish says by what it ended, as far as that is known."""
    state = folded(said((1, "a", OPENED), (9, "z", lost)))
    row = heads.row(heads.head("r1", state), state, [])
    assert heads.detail(row, state, 0).error == expected
