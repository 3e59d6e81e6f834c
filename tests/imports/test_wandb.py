"""Files of W&B."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.errors import ForeignUnreadable
from tests.imports.making import number, text, wandb_file
from tests.imports.reading import brought

T0 = 1_700_000_000


def item(path: str, value: Any) -> bytes:
    parts = path.split(".")
    named = text(1, path) if len(parts) == 1 else b"".join(text(2, part) for part in parts)
    return text(1, named + text(16, json.dumps(value)))


def about(**config: Any) -> bytes:
    own = b"".join(item(name, value) for name, value in config.items())
    return text(
        17,
        text(1, "abc") + text(3, "proj") + text(4, own) + text(8, "nice") + text(9, "notes")
        + text(10, "a") + text(10, "b") + text(13, "node1") + text(17, number(1, T0)),
    )  # fmt: skip


def row(step: int, **values: Any) -> bytes:
    items = [*values.items(), ("_step", step), ("_timestamp", T0 + step)]
    own = b"".join(item(name.replace("__", "."), value) for name, value in items)
    return text(2, own + text(2, number(1, step)))


def ended(code: int) -> bytes:
    return text(18, number(1, code))


def at(folder: Path) -> Path:
    return folder / "wandb/offline-run-1-abc/run-abc.wandb"


def test_a_run_is_what_it_was(tmp_path: Path) -> None:
    """Words, settings, rows, results, the console and the end come as they were logged."""
    console = [text(13, number(1, 1) + text(2, number(1, T0)) + text(3, said))
               for said in ("one\n 5 %", "\r50 %\n", "end")]  # fmt: skip
    wandb_file(
        at(tmp_path),
        [
            about(lr=0.1, model={"depth": 3}, api_key="sk-0123456789abcdef0123"),
            text(12, text(1, "acc") + text(7, number(2, 1)) + number(8, 2)),
            *(row(step, loss=1 / (step + 1), sub__x=step, flag=True) for step in range(500)),
            # As versions of today write it: of a type of its own.
            text(2, text(1, text(1, "typed") + number(5, 7)) + text(2, number(1, 500))),
            text(7, text(2, number(1, T0)) + text(3, text(1, "cpu") + text(16, "12.5"))),
            *console,
            text(
                3, item("best", 0.5) + item("loss", 1 / 500) + item("acc.max", 1) + item("_step", 3)
            ),
            ended(0),
        ],
    )
    (one,) = brought(tmp_path, tmp_path / "store")
    assert one.left_out == {}
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert (run.name, run.experiment, run.notes) == ("nice", "proj", "notes")
        assert (run.tags, run.host, run.status) == (["a", "b"], "node1", "finished")
        assert run.params == {"lr": 0.1, "model": {"depth": 3}, "api_key": "***"}
        assert run.summary == {"best": 0.5, "acc": {"max": 1}}
        loss, below = run.metric("loss"), run.metric("sub/x")
        assert loss is not None and below is not None
        assert loss.values.tolist() == [1 / (step + 1) for step in range(500)]
        assert below.times.tolist() == [T0 + step for step in range(500)]
        assert [series.name for series in run.metrics] == ["loss", "sub/x", "flag", "typed"]
        assert [series.last for series in run.system] == [12.5]
        assert [line.text for line in run.lines()] == ["one", "50 %", "end"]


def test_media_are_read_from_the_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    """What a row names in `files/` is kept; a path that leads out of it is not followed."""
    files = at(tmp_path).parent / "files"
    files.mkdir(parents=True)
    (files / "page.html").write_text("<b>x</b>")
    (files / "t.json").write_text(json.dumps({"columns": ["a"], "data": [[1], [2]]}))
    (tmp_path / "secret.html").write_text("not yours")
    media = {
        "page___type": "html-file", "page__path": "page.html",
        "table___type": "table-file", "table__path": "t.json",
        "out___type": "html-file", "out__path": "../../../secret.html",
        "hist___type": "histogram", "hist__values": [1, 2], "hist__bins": [0, 1, 2],
        "odd___type": "partitioned-table", "said": "a text",
    }  # fmt: skip
    # A name in three parts, whose last begins with "_".
    rows = row(1, **{name.replace("___", "__\0"): value for name, value in media.items()})
    wandb_file(at(tmp_path), [about(), rows.replace(b"\0", b"_"), ended(1)])
    (one,) = brought(tmp_path / "wandb", tmp_path / "store")
    assert one.left_out == {
        "a value of the type 'html-file'": 1, "a value of the type 'partitioned-table'": 1,
    }  # fmt: skip
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert run.status == "failed"
        found = {found.name: found for found in run.sequences()}
        assert {name: one.kind for name, one in found.items()} == {
            "page": "html", "table": "table", "hist": "distribution", "said": "text",
        }  # fmt: skip
        assert found["page"].values[1].html == "<b>x</b>"


def test_a_run_without_an_end_is_lost(tmp_path: Path) -> None:
    """A file that ends in the middle of a record belongs to a run that was lost."""
    path = wandb_file(at(tmp_path), [about(), row(0, loss=1.0), row(1, loss=2.0)])
    path.write_bytes(path.read_bytes()[:-4])
    (one,) = brought(tmp_path, tmp_path / "store")
    assert (one.points, one.left_out) == (1, {})
    with foldline.open(tmp_path / "store") as store:
        assert store.run(one.run).status == "lost"


def test_a_file_that_says_nothing_is_an_error(tmp_path: Path) -> None:
    """Of a file without a run there is nothing to bring in, and that is said of it."""
    wandb_file(at(tmp_path), [])
    with pytest.raises(ForeignUnreadable, match=r"run-abc\.wandb"):
        brought(tmp_path, tmp_path / "store")


def test_damage_is_told_with_its_place(tmp_path: Path) -> None:
    """What follows a wrong checksum is left out; what is before it is there."""
    path = wandb_file(at(tmp_path), [about(), *(row(step, loss=0.5) for step in range(9))])
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    (one,) = brought(tmp_path, tmp_path / "store")
    assert 0 < one.points < 9
    (what,) = one.left_out
    assert path.name in what and "checksum" in what
