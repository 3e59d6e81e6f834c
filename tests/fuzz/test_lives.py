"""Any life of runs, against plain Python."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import foldline
from foldline.events import FieldsSet, TagsChanged
from foldline.layout import Layout
from foldline_ingest.amendment import amend
from foldline_ingest.backup import back_up
from foldline_ingest.packing import pack
from foldline_ingest.verify import verify
from foldline_views.exact import read_points
from foldline_views.folding import rebuild
from foldline_views.purge import purge
from tests.fuzz.deaths import kill_one

IDS = ("one", "two", "three")
ids = st.sampled_from(IDS)
words = st.sampled_from(["a", "b", "the best", "é"])
points = st.lists(
    st.tuples(st.integers(0, 30), st.floats(-1e6, 1e6)), min_size=1, max_size=40
)  # fmt: skip


@dataclass
class Known:
    """What a run is, as far as this test told it."""

    points: list[tuple[int, float]] = field(default_factory=list)
    status: str = "running"
    name: str | None = None
    tags: set[str] = field(default_factory=set)
    archived: bool = False
    deleted: bool = False

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return "deleted" if self.deleted else "archived" if self.archived else "in sight"


class Lives(RuleBasedStateMachine):
    """Runs are begun, written, changed, ended and freed; what is read is what was done."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = self.folder / "store"
        self.layout = Layout(self.store)
        self.layout.create()
        self.writing: dict[str, foldline.Run] = {}
        self.known: dict[str, Known] = {}

    def teardown(self) -> None:
        for run in self.writing.values():
            run.finish()
        shutil.rmtree(self.folder)

    # What a training does.

    @rule(who=ids)
    def begin_or_resume(self, who: str) -> None:
        if who in self.writing:
            return
        mode = "must" if who in self.known else "never"
        self.writing[who] = foldline.Run(id=who, store=self.store, resume=mode, capture=False)
        self.known.setdefault(who, Known()).status = "running"

    @rule(who=ids, tracked=points)
    def track(self, who: str, tracked: list[tuple[int, float]]) -> None:
        if who not in self.writing:
            self.begin_or_resume(who)
        for step, value in tracked:
            self.writing[who].track(value, name="loss", step=step)
        self.known[who].points += tracked

    @precondition(lambda self: self.writing)
    @rule(data=st.data(), step=st.integers(0, 30))
    def rewind(self, data: st.DataObject, step: int) -> None:
        who = data.draw(st.sampled_from(sorted(self.writing)))
        self.writing[who].rewind(step)
        known = self.known[who]
        known.points = [point for point in known.points if point[0] <= step]

    @precondition(lambda self: self.writing)
    @rule(data=st.data(), status=st.sampled_from(["finished", "failed"]))
    def end(self, data: st.DataObject, status: str) -> None:
        who = data.draw(st.sampled_from(sorted(self.writing)))
        self.writing.pop(who).finish(status)
        self.known[who].status = status

    @rule(who=ids, tracked=points)
    def kill(self, who: str, tracked: list[tuple[int, float]]) -> None:
        if who in self.writing:
            return
        kill_one(self.store, who, tracked)
        known = self.known.setdefault(who, Known())
        known.points += tracked
        known.status = "killed"

    # What a person does.

    @precondition(lambda self: self.known)
    @rule(data=st.data(), name=words)
    def rename(self, data: st.DataObject, name: str) -> None:
        who = data.draw(st.sampled_from(sorted(self.known)))
        amend(self.layout, who, [FieldsSet({"name": name})])
        self.known[who].name = name

    @precondition(lambda self: self.known)
    @rule(data=st.data(), tag=words, put=st.booleans())
    def tag(self, data: st.DataObject, tag: str, put: bool) -> None:
        who = data.draw(st.sampled_from(sorted(self.known)))
        change = TagsChanged([tag], []) if put else TagsChanged([], [tag])
        amend(self.layout, who, [change])
        (self.known[who].tags.add if put else self.known[who].tags.discard)(tag)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), place=st.sampled_from(["archived", "deleted"]), put=st.booleans())
    def place(self, data: st.DataObject, place: str, put: bool) -> None:
        who = data.draw(st.sampled_from(sorted(self.known)))
        amend(self.layout, who, [FieldsSet({place: put})])
        setattr(self.known[who], place, put)

    # What keeps the store.

    @rule()
    def free(self) -> None:
        done = anyio.run(purge, self.layout, 0.0)
        freed = {who for who, known in self.known.items() if known.deleted} - self.writing.keys()
        assert set(done.runs) == freed
        for who in freed:
            del self.known[who]

    @rule()
    def pack(self) -> None:
        self.look()  # what is dead is logged first
        pack(self.layout, idle_s=0)

    @rule()
    def rebuild(self) -> None:
        anyio.run(rebuild, self.layout)

    @rule()
    def lose_the_views(self) -> None:
        shutil.rmtree(self.layout.views, ignore_errors=True)

    @rule()
    def back_up(self) -> None:
        copy = self.folder / "copy"
        if not self.known:
            return
        assert back_up(self.layout, copy, prune=True).is_well
        check_store(copy, self.known, alive=False)
        shutil.rmtree(copy)

    @rule()
    def look(self) -> None:
        check_store(self.store, self.known)

    @invariant()
    def nothing_is_damaged(self) -> None:
        assert not verify(self.layout).damage


def check_store(store: Path, known: dict[str, Known], *, alive: bool = True) -> None:
    """Compare all that is read of a store; in a copy no writer is alive."""
    with foldline.open(store) as opened:
        found = {
            place: {run.id: run for run in opened.runs(query)}
            for place, query in (
                ("in sight", ""),
                ("archived", "run.archived"),
                ("deleted", "run.deleted"),
            )
        }
        counts = {one.run: one.count for one in opened.series('metric.name == "loss"')}
    for place, runs in found.items():
        assert sorted(runs) == sorted(who for who, run in known.items() if run.place == place)
        for who, run in runs.items():
            mine = known[who]
            status = mine.status if alive or mine.status != "running" else "killed"
            assert (who, run.status) == (who, status)
            assert run.name == (mine.name or who)
            assert set(run.tags) == mine.tags
            exact = read_points(Layout(store), who, "loss", {})
            read = sorted(zip(exact.steps.tolist(), exact.values.tolist(), strict=True))
            assert read == sorted(mine.points)
            if place == "in sight":
                assert counts.get(who, 0) == len(mine.points)


def lives(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_life_reads_as_it_was_lived() -> None:
    """Twenty acts in any order: points, words, places and endings are all as they were."""
    lives(3, 20)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_lives_read_as_they_were_lived() -> None:
    """The same, for hundreds of lives."""
    lives(150, 40)
