"""Images of every source come back as they were."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as pillow  # noqa: N813  # Pillow's module is named like ours

import foldline
from foldline.errors import FoldlineError, FoldlineWarning, ValueRejected
from foldline.values import Image
from tests.values.store import dropped, kept, revived

NOISE = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = NOISE[..., 0]


def png(array: Any, format: str = "png") -> bytes:
    held = io.BytesIO()
    pillow.fromarray(array).save(held, format=format)
    return held.getvalue()


class Duck:
    """A tensor of some library: it has `__array__` and nothing else that is known."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return NOISE


SOURCES: list[tuple[str, Callable[[], Any], Any]] = [
    ("HWC levels", lambda: NOISE, NOISE),
    ("CHW levels", lambda: NOISE.transpose(2, 0, 1), NOISE),
    ("HW", lambda: GREY, GREY),
    ("HW1", lambda: GREY[..., None], GREY),
    ("a batch of one", lambda: NOISE[None], NOISE),
    ("fractions", lambda: NOISE / 255, NOISE),
    ("float16 fractions", lambda: (NOISE > 127).astype(np.float16), (NOISE > 127) * np.uint8(255)),
    ("float levels", lambda: NOISE.astype(np.float32), NOISE),
    ("whole numbers", lambda: NOISE.astype(np.int64), NOISE),
    ("booleans", lambda: GREY > 127, (GREY > 127) * np.uint8(255)),
    ("16 bits", lambda: GREY.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257),
    ("big-endian", lambda: GREY.astype(">u2"), GREY.astype(np.uint16)),
    ("nested lists", GREY.tolist, GREY),
    ("any array", Duck, NOISE),
    ("PIL", lambda: pillow.fromarray(NOISE), NOISE),
    ("PIL grey", lambda: pillow.fromarray(GREY), GREY),
    ("PNG bytes", lambda: png(NOISE), NOISE),
    ("BytesIO", lambda: io.BytesIO(png(NOISE)), NOISE),
    ("BMP bytes", lambda: png(NOISE, "bmp"), NOISE),
]


@pytest.mark.parametrize(
    ("source", "pixels"), [s[1:] for s in SOURCES], ids=[s[0] for s in SOURCES]
)
def test_a_picture_of_any_source_comes_back(
    tmp_path: Path, source: Callable[[], Any], pixels: Any
) -> None:
    """Pixels are the same, whatever library, type and order of axes they came in."""
    with foldline.Run(store=tmp_path) as run:
        run.track(Image(source(), caption="noise"), name="picture", step=3)
    (image,) = revived(tmp_path, "picture")
    assert np.array_equal(image.to_numpy(), pixels)
    assert image.media_type == "image/png" and image.caption == "noise"
    assert image.size == (7, 5) and image.json()["width"] == 7


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.int32, np.float32, np.float64, np.bool_, np.uint16]),
        arrays.array_shapes(min_dims=0, max_dims=4, max_side=5),
    )
)
def test_any_array_is_a_picture_or_refused(array: Any) -> None:
    """No array of numbers makes building or encoding an image fail in another way."""
    image = Image(array)
    try:
        content = image.content()
    except ValueRejected:
        return
    height, width = image.to_numpy().shape[:2]
    assert content.attributes["width"] == width and content.attributes["height"] == height


def test_files_are_kept_as_they_are(tmp_path: Path) -> None:
    """JPEG, WebP and moving GIF files are not encoded again; a TIFF becomes a PNG."""
    moving = io.BytesIO()
    frames = [pillow.fromarray(NOISE), pillow.fromarray(255 - NOISE)]
    frames[0].save(moving, format="gif", save_all=True, append_images=frames[1:])
    path = tmp_path / "moving.gif"
    path.write_bytes(moving.getvalue())
    with foldline.Run(store=tmp_path / "store") as run:
        for kind in ("jpeg", "webp", "tiff"):
            run.track(Image(png(NOISE, kind)), name=kind)
        run.track(Image(str(path)), name="gif")
        with pillow.open(path) as picture:
            run.track(Image(picture), name="opened")
    for kind in ("jpeg", "webp"):
        (image,) = revived(tmp_path / "store", kind)
        assert image.data == png(NOISE, kind) and image.format == kind
    for name in ("gif", "opened"):
        (image,) = revived(tmp_path / "store", name)
        assert image.data == moving.getvalue() and image.attributes["frames"] == 2
    (image,) = revived(tmp_path / "store", "tiff")
    assert image.format == "png" and np.array_equal(image.to_numpy(), NOISE)


def test_formats_and_their_quality(tmp_path: Path) -> None:
    """A format that was asked for is what is kept, smaller for less quality."""
    big = np.random.default_rng(2).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    with foldline.Run(store=tmp_path) as run:
        for quality in (10, 90):
            run.track(Image(big, format="jpg", quality=quality, optimize=True), name="jpeg")
        run.track(Image(pillow.fromarray(big), format="webp"), name="webp")
        run.track(Image(png(NOISE), format="jpeg"), name="again")
    small, large = kept(tmp_path, "jpeg")
    assert small.media_type == "image/jpeg" and small.size < large.size
    assert kept(tmp_path, "webp")[0].media_type == "image/webp"
    assert kept(tmp_path, "again")[0].media_type == "image/jpeg"


def test_an_image_is_what_it_was_when_it_was_made(tmp_path: Path) -> None:
    """A script may reuse its buffer: images taken from it earlier do not change."""
    buffer = np.zeros((2, 2), np.uint8)
    images = []
    for level in (10, 20):
        buffer[:] = level
        images.append(Image(buffer))
    with foldline.Run(store=tmp_path) as run:
        run.track(images, name="samples")
    assert [int(i.to_numpy()[0, 0]) for i in revived(tmp_path, "samples")] == [10, 20]


def test_what_is_neither_fraction_nor_level_is_stretched_and_said(tmp_path: Path) -> None:
    """Values of another range, and NaN, are seen, and the attributes tell what was done."""
    array = np.array([[-1.0, 0.0], [1.0, np.nan]])
    with (
        pytest.warns(FoldlineWarning, match="stretched to 0..255"),
        foldline.Run(store=tmp_path) as run,
    ):
        run.track(Image(array), name="odd")
    (image,) = revived(tmp_path, "odd")
    assert image.to_numpy().tolist() == [[0, 128], [255, 128]]
    assert image.attributes["range"] == [-1.0, 1.0] and image.attributes["nonfinite"] == 1


def test_a_matplotlib_figure_is_a_picture(tmp_path: Path) -> None:
    """A figure of matplotlib is drawn when the image is made."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 2, 3])
    with foldline.Run(store=tmp_path) as run:
        run.track(Image(figure), name="drawn")
    assert revived(tmp_path, "drawn")[0].size == (100, 50)


BAD: list[tuple[Any, str]] = [
    (np.zeros((0, 3)), "empty"),
    (np.zeros((2, 3, 4, 5)), "no picture"),
    (np.array([["a", "b"]]), "no numbers"),
    (np.zeros((2, 2), complex), "no numbers"),
    ("no/such/file.png", "no file"),
    ("a\0b", "no file"),
    (b"", "empty"),
    (b"no picture at all", "no picture that is known"),
    (None, "no numbers"),
    (object(), "no numbers"),
]


def track_bad(run: foldline.Run, bad: Any) -> None:
    run.track(Image(bad), name="bad")
    run.track([Image(NOISE), Image(bad)], name="bad", step=7)
    run.track(1.0, name="loss")
    run.finish()


@pytest.mark.parametrize(("bad", "words"), BAD, ids=[str(b[1]) + str(i) for i, b in enumerate(BAD)])
def test_what_is_no_picture_is_refused_with_one_warning(
    tmp_path: Path, bad: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is named, the good ones of a list are kept, the bad ones counted; strict raises."""
    run = foldline.Run(store=tmp_path / "store")
    with pytest.warns(FoldlineWarning, match=rf"track\('bad'\): .*{words}") as said:
        track_bad(run, bad)
    assert len(said) == 1
    assert run.dropped == 2 and [told["count"] for told in dropped(tmp_path / "store")] == [2]
    (image,) = revived(tmp_path / "store", "bad")
    assert np.array_equal(image.to_numpy(), NOISE)
    monkeypatch.setenv("FOLDLINE_MODE", "strict")
    strict = foldline.Run(store=tmp_path / "strict")
    with pytest.raises(FoldlineError, match=words):
        strict.track(Image(bad), name="bad")
    strict.finish()


class Liar:
    """An object that claims to be an array, and raises at every look."""

    @property
    def dtype(self) -> Any:
        return 1 / 0

    shape = dtype

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array today")

    def __len__(self) -> int:
        return 3


def test_objects_that_lie_stop_nothing(tmp_path: Path) -> None:
    """Whatever an object raises when it is looked at, the training goes on."""
    with (
        pytest.warns(FoldlineWarning, match="no array today"),
        foldline.Run(store=tmp_path) as run,
    ):
        run.track(Image(Liar()), name="liar")


def test_boxes_and_masks_lie_over_the_picture(tmp_path: Path) -> None:
    """Boxes come back in fractions, with classes and scores; masks as maps of class ids."""
    mask = np.arange(35).reshape(5, 7)
    box = {
        "position": {"minX": 0, "maxX": 7, "minY": 1, "maxY": 2},
        "domain": "pixel",
        "class_id": 2,
        "box_caption": "cat 0.9",
        "scores": {"sure": 0.9},
    }
    centred = {"position": {"middle": [0.5, 0.5], "width": 0.5, "height": 1.0}, "class_id": 1}
    labels = {1: "dog", 2: "cat"}
    boxes = {"predictions": {"box_data": [box, centred], "class_labels": labels}}
    masks = {"truth": {"mask_data": mask, "class_labels": labels}}
    many = {"all": {"box_data": [box] * 500}}
    with foldline.Run(store=tmp_path) as run:
        run.track(Image(NOISE, boxes=boxes, masks=masks), name="over")
        run.track(Image(NOISE, boxes=many), name="many")
    (image,) = revived(tmp_path, "over")
    group = image.boxes["predictions"]
    assert group["labels"] == {"1": "dog", "2": "cat"}
    first = {"at": [0.0, 0.2, 1.0, 0.4], "class": 2, "caption": "cat 0.9", "scores": {"sure": 0.9}}
    assert group["boxes"] == [first, {"at": [0.25, 0.0, 0.75, 1.0], "class": 1}]
    assert np.array_equal(image.masks["truth"]["mask_data"], mask)
    (image,) = revived(tmp_path, "many")
    assert len(image.boxes["all"]["boxes"]) == 500 and "overlays" in image.attributes


def test_a_mask_that_does_not_fit_is_left_out_and_the_picture_kept(tmp_path: Path) -> None:
    """The picture is worth more than its mask."""
    with (
        pytest.warns(FoldlineWarning, match="mask 'truth' of shape"),
        foldline.Run(store=tmp_path) as run,
    ):
        run.track(Image(NOISE, masks={"truth": {"mask_data": np.ones((2, 2), int)}}), name="over")
    (image,) = revived(tmp_path, "over")
    assert image.masks == {} and np.array_equal(image.to_numpy(), NOISE)
