"""No value that track returned from is lost."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldline
from foldline import backlog, blobs, keeping, spool
from foldline.errors import CorruptRecord, FoldlineWarning, StoreUnwritable, TruncatedRecord
from foldline.events import (
    Event,
    PointsDropped,
    Value,
    ValuesTracked,
    WriterClosed,
    WriterOpened,
)
from foldline.layout import Layout
from foldline.notices import Notices
from foldline.values import Image, Text, Video
from foldline.values.value import Raw
from foldline.writer import Writer
from tests.patience import wait_for
from tests.values.store import dropped, kept, revived, told

NOISE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)

SCRIPT = """
import os, sys
import numpy as np
import foldline
run = foldline.Run("doomed")
for step in range(1000):
    run.track(foldline.Image(np.full((64, 64, 3), step % 256, np.uint8)), name="level", step=step)
    sys.stdout.write(f"{step}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread does what waits: only who waits for it."""

    def none(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none)


def leftovers(store: Path) -> list[Path]:
    folder = store / "spool"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def finished(store: Path) -> list[Event]:
    """Finish what all writers left; return the events."""
    found: list[Event] = []
    layout = Layout(store)
    for run, writer in spool.waiting(layout):
        spool.finish(layout, run, writer, found.append)
    return found


def test_a_killed_process_loses_no_value(tmp_path: Path) -> None:
    """Each image whose call returned is in the log, or is finished from the spool, once."""
    for _ in range(3):
        script = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
        assert script.stdout is not None
        for _ in range(40):
            script.stdout.readline()
        script.send_signal(signal.SIGKILL)
        returned = 40 + len(script.stdout.readlines())
        script.wait()
        script.stdout.close()
        store = tmp_path / "store"
        late = [event.step for event in finished(store) if isinstance(event, ValuesTracked)]
        early = [fields["step"] for fields in told(store)]
        # The last call may have been in the middle: kept or not, both are right.
        assert set(range(returned)) <= {*early, *late} <= set(range(returned + 1))
        assert leftovers(store) == []
        Path(store).rename(tmp_path / f"seen{returned}{script.pid}")


def test_what_is_left_is_finished_as_the_writer_would_have(tmp_path: Path, no_thread: None) -> None:
    """Whoever finds a dead writer's spool makes the very event, and leaves nothing."""
    with foldline.Run("first", store=tmp_path / "live") as run:
        run.track(Image(NOISE, caption="x"), name="i", step=5, epoch=2, context={"a": 1})
    run = foldline.Run("first", store=tmp_path / "dead")
    run.track(Image(NOISE, caption="x"), name="i", step=5, epoch=2, context={"a": 1})
    (left,) = leftovers(tmp_path / "dead")
    (event,) = finished(tmp_path / "dead")
    assert isinstance(event, ValuesTracked)
    (live,) = told(tmp_path / "live")
    assert (event.step, event.epoch, event.context) == (5, 2.0, {"a": 1})
    assert event.values == kept(tmp_path / "live", "i") and live["name"] == event.name
    assert not left.exists() and finished(tmp_path / "dead") == []
    run.finish()  # its own writer lives, and finds its file gone
    assert told(tmp_path / "dead") == [] and run.dropped == 0


def test_a_file_that_somebody_holds_is_left_to_him(tmp_path: Path, no_thread: None) -> None:
    """Two who finish one writer don't tell its values twice."""
    import fcntl

    run = foldline.Run("first", store=tmp_path)
    run.track(Image(NOISE), name="i")
    (left,) = leftovers(tmp_path)
    with left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert finished(tmp_path) == []
    assert len(finished(tmp_path)) == 1
    run.finish()


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(st.lists(st.binary(max_size=300), max_size=3), min_size=1, max_size=3),
    cut=st.integers(0, 2_000),
    flip=st.integers(0, 2_000),
)
def test_a_spool_file_is_whole_or_known_not_to_be(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[bytes]], cut: int, flip: int
) -> None:
    """Whatever is cut off or changed is found; bytes that are read are those written."""
    path = tmp_path_factory.mktemp("spool") / "run.writer.0"
    raws = [Raw({"n": number}, tuple(each)) for number, each in enumerate(parts)]
    call = spool.call_of(ValuesTracked("image", "name", 1, 2.0, []), raws)
    assert spool.write(path, call, raws) == path.stat().st_size
    again, found = spool.read(path)
    assert again == call
    assert [[bytes(part) for part in raw.parts] for raw in found] == parts
    data = path.read_bytes()
    path.write_bytes(data[: cut % len(data)])
    with pytest.raises((TruncatedRecord, CorruptRecord)):
        spool.read(path)
    changed = bytearray(data)
    changed[flip % len(data)] ^= 1
    path.write_bytes(changed)
    with pytest.raises((TruncatedRecord, CorruptRecord)):
        spool.read(path)


def test_damage_is_told_and_its_file_stays(tmp_path: Path, no_thread: None) -> None:
    """A changed byte is never shown as a picture; a call that never ended is no loss."""
    run = foldline.Run("first", store=tmp_path)
    run.track(Image(NOISE), name="i")
    run.track(Image(NOISE), name="i")
    damaged, torn = leftovers(tmp_path)
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    torn.write_bytes(bytes(24) + torn.read_bytes()[24:100])
    (event,) = finished(tmp_path)
    assert isinstance(event, PointsDropped) and "damaged" in event.reason
    assert [file.name for file in leftovers(tmp_path)] == [f"{damaged.name}.damaged"]
    assert finished(tmp_path) == []
    run.finish()


# ------------------------------------------------------------------------------ the backlog


def test_when_too_much_waits_the_caller_does_it(
    tmp_path: Path, no_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on what waits holds, and nothing is lost."""
    monkeypatch.setattr(backlog, "WAITING_MAX", 3)
    with foldline.Run(store=tmp_path) as run:
        for step in range(10):
            run.track(Image(NOISE), name="i", step=step)
            assert len(leftovers(tmp_path)) <= 3
    assert [fields["step"] for fields in told(tmp_path)] == list(range(10))
    assert run.dropped == 0


def test_who_chooses_dropping_gets_a_count(
    tmp_path: Path, no_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FOLDLINE_VALUES=drop the caller never encodes: what comes too fast is counted."""
    monkeypatch.setenv("FOLDLINE_VALUES", "drop")
    monkeypatch.setattr(backlog, "WAITING_BYTES_MAX", 3 * NOISE.nbytes)
    run = foldline.Run(store=tmp_path)
    with pytest.warns(FoldlineWarning, match="come faster"):
        run.track({f"i{number}": Image(NOISE) for number in range(10)})
    run.finish()
    lost = 10 - len(told(tmp_path))
    assert lost == run.dropped > 0
    (fields,) = dropped(tmp_path)
    assert fields["count"] == lost and "faster" in fields["reason"]


def test_a_flush_waits_for_values(tmp_path: Path) -> None:
    """After `flush` each value tracked before it is in the log, and its blob is there."""
    with foldline.Run(store=tmp_path) as run:
        for step in range(5):
            run.track(Image(NOISE + np.uint8(step)), name="i", step=step)
            assert run.flush(durable=step == 4)
            assert len(told(tmp_path)) == step + 1 and leftovers(tmp_path) == []
        assert len(revived(tmp_path, "i")) == 5


def test_small_texts_need_no_file(tmp_path: Path, no_thread: None) -> None:
    """What needs no work is in the log when the call returns, as a number is."""
    run = foldline.Run(store=tmp_path)
    run.track(Text("hello"), name="t")
    run.track({"loss": 1.0, "said": Text("more")}, step=1)
    assert [fields["name"] for fields in told(tmp_path)] == ["t", "said"]
    assert leftovers(tmp_path) == []
    run.finish()


def test_steps_of_sequences_are_counted(tmp_path: Path) -> None:
    """Each kind, name and context counts by itself, on from the largest step; epochs are kept."""
    with foldline.Run(store=tmp_path) as run:
        run.track(1.0, name="x")
        for context in (None, {"a": 1}, {"a": True}, None):
            run.track(Text("t"), name="x", context=context)
        run.track(Image(NOISE), name="x")
        run.track(Text("t"), name="x", step=7, epoch=1.5)
        run.track(Text("t"), name="x")
        run.rewind(3)
        run.track(Text("t"), name="x")
    texts = [fields for fields in told(tmp_path) if fields["kind"] == "text"]
    steps = [(fields["step"], fields.get("context", {})) for fields in texts]
    assert steps == [(0, {}), (0, {"a": 1}), (0, {"a": True}), (1, {}), (7, {}), (8, {}), (4, {})]
    assert texts[4]["epoch"] == 1.5


def test_a_list_longer_than_an_event_is_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All values of a long list are kept, at one step."""
    monkeypatch.setattr(keeping, "VALUES_MAX", 3)
    with foldline.Run(store=tmp_path) as run:
        run.track([Text(str(number)) for number in range(8)], name="many", step=1)
    assert [len(fields["values"]) for fields in told(tmp_path)] == [3, 3, 2]
    assert [text.text for text in revived(tmp_path, "many")] == list("01234567")


def test_mixed_lists_and_closed_runs_are_said(tmp_path: Path) -> None:
    """A list is of one kind; a finished run takes nothing more."""
    run = foldline.Run(store=tmp_path)
    with pytest.warns(FoldlineWarning, match="image and text"):
        run.track([Text("a"), Image(NOISE)], name="mixed")
    run.finish()
    with pytest.warns(FoldlineWarning, match="is finished here"):
        run.track(Image(NOISE), name="late")
    assert told(tmp_path) == [] and leftovers(tmp_path) == []


def test_a_full_disk_stops_nothing_and_is_made_good(
    tmp_path: Path, no_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While blobs can't be written values wait in the spool; then they are kept, or finished."""
    real = blobs.put

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs, "put", full)
    run = foldline.Run(store=tmp_path)
    run.track(Image(NOISE), name="i", step=0)
    with pytest.warns(FoldlineWarning, match="No space left"):
        assert not run.flush()
    monkeypatch.setattr(blobs, "put", real)
    assert run.flush() and len(told(tmp_path)) == 1
    monkeypatch.setattr(blobs, "put", full)
    run.track(Image(NOISE), name="i", step=1)
    run.finish()
    monkeypatch.setattr(blobs, "put", real)
    (event,) = finished(tmp_path)
    assert isinstance(event, ValuesTracked) and event.step == 1


def test_a_spool_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    """The call returns, one warning is given, and the log tells how many there were."""
    run = foldline.Run(store=tmp_path)
    (tmp_path / "spool").write_text("no folder")
    with pytest.warns(FoldlineWarning, match="can't be kept"):
        run.track([Image(NOISE), Image(NOISE)], name="i")
    run.track(1.0, name="loss")
    run.finish()
    assert run.dropped == 2 and dropped(tmp_path)[0]["count"] == 2


def test_a_file_that_vanishes_is_said(tmp_path: Path) -> None:
    """A video's file that is gone when it is tracked is refused, with its name."""
    path = tmp_path / "play.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(300))
    video = Video(path)
    path.unlink()
    with (
        pytest.warns(FoldlineWarning, match="can't be read"),
        foldline.Run(store=tmp_path / "store") as run,
    ):
        run.track(video, name="play")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_keeps_its_own_values(tmp_path: Path) -> None:
    """Parent and child each keep what they tracked, once, though one thread is only in one."""
    run = foldline.Run(store=tmp_path)
    for step in range(20):
        run.track(Image(NOISE), name="parent", step=step)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        for step in range(5):
            run.track(Image(NOISE), name="child", step=step)
        run.finish()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    run.finish()
    steps: dict[str, deque[int]] = {"parent": deque(), "child": deque()}
    for fields in told(tmp_path):
        steps[fields["name"]].append(fields["step"])
    assert sorted(steps["parent"]) == list(range(20)) and sorted(steps["child"]) == list(range(5))
    assert leftovers(tmp_path) == []


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    """Threads that track into one sequence each have all their values kept."""
    run = foldline.Run(store=tmp_path)

    def track(thread: int) -> None:
        for step in range(30):
            run.track(Image(NOISE), name="i", step=step, context={"thread": str(thread)})

    threads = [threading.Thread(target=track, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    found = sorted((f["context"]["thread"], f["step"]) for f in told(tmp_path))
    assert found == [(str(thread), step) for thread in range(4) for step in range(30)]


def test_what_waits_is_done_without_being_asked(tmp_path: Path) -> None:
    """The thread in the background keeps a value while the script does something else."""
    run = foldline.Run(store=tmp_path)
    run.track(Image(NOISE), name="i")
    wait_for(lambda: told(tmp_path) and not leftovers(tmp_path), "the event of the image")
    run.finish()


def test_an_exit_code_is_kept_though_values_wait(tmp_path: Path) -> None:
    """`sys.exit(3)` with values in the spool is a failure, and the values are kept."""
    script = SCRIPT.replace("range(1000)", "range(30)") + "sys.exit(3)\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 3 and done.stderr == b""
    from tests.segment_walk import segments, walk

    (path,) = segments(tmp_path / "store")
    (closed,) = walk(path).of_type(8)
    assert closed["status"] == "failed" and closed["error_message"] == "exit code 3"
    assert len(told(tmp_path / "store")) == 30 and leftovers(tmp_path / "store") == []


def test_a_signal_in_the_middle_of_a_job_does_not_hang(
    tmp_path: Path, no_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that finishes the run while the caller encodes returns; the value is not lost."""
    run = foldline.Run(store=tmp_path)
    run.track(Image(NOISE), name="i")
    real = spool.encode

    def interrupted(*given: Any) -> Any:
        run.finish()  # as a handler of SIGTERM does
        return real(*given)

    monkeypatch.setattr(spool, "encode", interrupted)
    run.flush()
    monkeypatch.setattr(spool, "encode", real)
    assert told(tmp_path) == [] and len(finished(tmp_path)) == 1


def test_strict_mode_raises_where_the_value_is_tracked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong, with the bytes or with the disk, is raised from the very call."""
    monkeypatch.setenv("FOLDLINE_MODE", "strict")
    run = foldline.Run(store=tmp_path)
    run.track(Image(NOISE), name="i")
    assert len(told(tmp_path)) == 1
    monkeypatch.setattr(blobs, "put", lambda *_: os.open("/no/such/folder/file", os.O_RDONLY))
    with pytest.raises(StoreUnwritable):
        run.track(Image(NOISE), name="i")
    run.finish()


def test_a_sequence_goes_on_where_an_earlier_process_was(tmp_path: Path) -> None:
    """A run that is joined again counts a sequence's steps on, as it does those of a series."""
    for _ in range(2):
        with foldline.Run("again", store=tmp_path) as run:
            run.track(Text("a"), name="x")
            run.track([Image(NOISE)], name="x", context={"a": 1})
            run.track(Text("b"), name="x")
    texts = [fields["step"] for fields in told(tmp_path) if fields["kind"] == "text"]
    assert texts == [0, 1, 2, 3]
    assert [fields["step"] for fields in told(tmp_path) if fields["kind"] == "image"] == [0, 1]


def test_what_is_told_twice_is_read_once(tmp_path: Path) -> None:
    """An event of a writer that was killed, and the same one of who finished it, are one entry."""
    from foldline_views.logged import read_sequences

    event = ValuesTracked("text", "x", 1, 5.0, [Value("text/plain", 1, inline=b"a")])
    with foldline.Run("twice", store=tmp_path) as run:
        run._emit(event)
    opened = WriterOpened("here", 1, role="companion")
    notices = Notices()
    finisher = Writer(Layout(tmp_path), "twice", opened=lambda: opened, notices=notices)
    finisher.event(event)
    finisher.event(ValuesTracked("text", "x", 1, 6.0, event.values))
    finisher.close(WriterClosed("finished"))
    (sequence,) = read_sequences(Layout(tmp_path), "twice")
    assert [entry.time for entry in sequence.entries] == [5.0, 6.0]
