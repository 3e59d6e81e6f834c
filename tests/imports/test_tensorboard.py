"""Event files of TensorBoard."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest

import foldline
from tests.imports.making import bits, event, event_file, number, scalar, text
from tests.imports.reading import brought

T0 = 1_700_000_000.0
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


def start(*more: bytes) -> list[bytes]:
    return [bits(1, T0) + text(3, "brain.Event:2"), *more]


def plugin(name: str, content: bytes = b"") -> bytes:
    return text(9, text(1, text(1, name) + (text(2, content) if content else b"")))


def test_scalars_of_both_shapes_come_point_by_point(tmp_path: Path) -> None:
    """Scalars are exact in value, step and time, as plain values and as tensors, NaN among them."""
    tensor = text(8, number(1, 2) + text(4, struct.pack("<d", 0.1))) + plugin("scalars")
    later = text(8, number(1, 1) + text(5, struct.pack("<f", 0.5)))  # packed, and no plugin again
    event_file(
        tmp_path / "logs/a/events.out.tfevents.1.host",
        start(
            event(0, T0 + 1, scalar("loss", 1.5), text(1, "acc") + tensor),
            event(2**40, T0 + 2, scalar("loss", math.nan), text(1, "acc") + later),
            event(-3 % (1 << 64), T0 + 3, scalar("loss", -math.inf)),
        ),
    )
    (one,) = brought(tmp_path / "logs", tmp_path / "store")
    assert (one.points, one.left_out) == (5, {})
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert (run.name, run.experiment, run.status) == ("a", "logs", "finished")
        assert (run.created_at, run.ended_at) == (T0, T0 + 3)
        loss, acc = run.metric("loss"), run.metric("acc")
        assert loss is not None and acc is not None
        assert loss.steps.tolist() == [-3, 0, 2**40]
        np.testing.assert_array_equal(loss.values, [-math.inf, 1.5, math.nan])
        assert loss.times.tolist() == [T0 + 3, T0 + 1, T0 + 2]
        assert acc.values.tolist() == [0.1, 0.5]


def test_params_of_a_folder_below_are_those_of_the_run(tmp_path: Path) -> None:
    """What `add_hparams` writes into a folder named by the time belongs to the run above it."""

    def param(name: str, value: bytes) -> bytes:
        return text(1, text(1, name) + text(2, value))

    session = text(
        3, param("lr", bits(2, 0.1)) + param("opt", text(3, "adam")) + param("amp", number(4, 1))
    )
    hparams = text(1, "_hparams_/session_start_info") + plugin("hparams", session)
    event_file(tmp_path / "r/events.out.tfevents.1.h", start(event(1, T0, scalar("loss", 1.0))))
    event_file(
        tmp_path / "r/1700000000.25/events.out.tfevents.2.h",
        start(event(0, T0 + 1, hparams, scalar("hp/acc", 0.5))),
    )
    (one,) = brought(tmp_path, tmp_path / "store")
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert run.params == {"hparams": {"lr": 0.1, "opt": "adam", "amp": True}}
        assert [series.name for series in run.metrics] == ["loss", "hp/acc"]


def test_values_that_are_no_numbers_come_too(tmp_path: Path) -> None:
    """Pictures, texts and histograms of both shapes are values of their kinds; a mesh is told."""
    edges = [-1e12, *np.linspace(-1, 1, 700).tolist(), 1e12]
    counts = [0.0, *[1.0] * 699, 2.0, 0.0]
    old = (
        bits(1, -1.5)
        + bits(2, 1.0)
        + text(6, np.array([*edges[1:], 2e12]).tobytes())
        + text(7, np.array([*counts[1:], 0.0]).tobytes())
    )
    new = np.array([[0.0, 1.0, 3.0], [1.0, 2.0, 4.0]])
    event_file(
        tmp_path / "events.out.tfevents.1.h",
        start(
            event(
                5,
                T0 + 1,
                text(1, "pic") + text(4, number(1, 1) + number(2, 1) + text(4, PNG)),
                text(1, "said/text_summary")
                + text(8, number(1, 7) + text(8, "# hi"))
                + plugin("text"),
                text(1, "old") + text(5, old),
                text(1, "new")
                + text(8, number(1, 2) + text(4, new.tobytes()))
                + plugin("histograms"),
                text(1, "mesh") + text(8, number(1, 1)) + plugin("mesh"),
            )
        ),
    )
    (one,) = brought(tmp_path, tmp_path / "store")
    assert one.left_out == {"a value of the plugin 'mesh'": 1}
    with foldline.open(tmp_path / "store") as store:
        found = {found.name: found for found in store.run(one.run).sequences()}
        assert {name: (one.kind, one.steps.tolist()) for name, one in found.items()} == {
            "pic": ("image", [5]), "said": ("text", [5]),
            "old": ("distribution", [5]), "new": ("distribution", [5]),
        }  # fmt: skip
        picture = found["pic"].values[5]
        assert picture.data == PNG
        said = found["said"].values[5]
        assert (said.text, said.format) == ("# hi", "markdown")
        counted = found["new"].values[5]
        assert (counted.counts.tolist(), counted.edges.tolist()) == ([3, 4], [0, 1, 2])
        merged = found["old"].values[5]
        assert merged.counts.sum() == 701 and merged.range == (-1.5, 1.0)


def test_a_restart_hides_what_it_does_again(tmp_path: Path) -> None:
    """A session that starts at a step takes the place of what was logged from that step on."""
    again = bits(1, T0 + 5) + number(2, 2) + text(7, number(1, 1))
    first = [event(step, T0 + step, scalar("loss", step)) for step in range(4)]
    event_file(tmp_path / "events.out.tfevents.1", start(*first))
    event_file(
        tmp_path / "events.out.tfevents.2", start(again, event(2, T0 + 6, scalar("loss", 20.0)))
    )
    (one,) = brought(tmp_path, tmp_path / "store")
    with foldline.open(tmp_path / "store") as store:
        (loss,) = store.run(one.run).metrics
        assert loss.values.tolist() == [0, 1, 20]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_end_is_no_damage(tmp_path: Path, cut: int) -> None:
    """A file that is being written gives what is whole of it."""
    events = [event(step, T0 + step, scalar("loss", step)) for step in range(3)]
    path = event_file(tmp_path / "events.out.tfevents.1.h", start(*events))
    path.write_bytes(path.read_bytes()[:-cut])
    (one,) = brought(tmp_path, tmp_path / "store")
    assert (one.points, one.left_out) == (2, {})


def test_damage_is_told_with_its_place(tmp_path: Path) -> None:
    """What follows a wrong checksum is left out, and the file and the offset are said."""
    events = [event(step, T0 + step, scalar("loss", step)) for step in range(3)]
    path = event_file(tmp_path / "events.out.tfevents.1.h", start(*events))
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    (one,) = brought(tmp_path, tmp_path / "store")
    assert one.points == 2
    (what,) = one.left_out
    assert path.name in what and "checksum" in what
