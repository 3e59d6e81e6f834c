"""Images, with boxes and masks on them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ValueRejected
from . import media_types, overlays
from .value import Encoded, Keep, Raw, Tracked, caption_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from .arrays import Array

__all__ = ["Image", "picture_of"]

COMPRESS_LEVEL = 3  # of PNG: two thirds of the time of the default 6, and 5 % more bytes
SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp"}  # by every browser
_PLAIN_MODES = {"1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16"}


class Image(Tracked):
    """A picture.

    `image` is a PIL image, an array or tensor (height x width, with channels last or first), a
    matplotlib figure, the path of a file or its bytes. Arrays hold fractions 0..1 or levels
    0..255. PNG, JPEG, GIF and WebP files are kept as they are, moving ones too; everything else
    becomes PNG, or what `format` says ("png", "jpeg", "webp"), with `quality` (1..100) and
    `optimize` where the format knows them.

    `boxes` and `masks` are groups by name. A group of boxes is {"box_data": [...],
    "class_labels": {id: text}}, each box {"position": {"minX", "maxX", "minY", "maxY"} or
    {"middle", "width", "height"}, "domain": "pixel" (else fractions), "class_id", "box_caption",
    "scores"}. A group of masks is {"mask_data": integers, height x width, "class_labels"}.

    What can't be kept is told by `track`, not here: building an image never raises.
    """

    KIND = "image"

    def __init__(
        self,
        image: Any,
        caption: str = "",
        format: str | None = None,
        quality: int = 90,
        optimize: bool = False,
        *,
        boxes: Any = None,
        masks: Any = None,
    ) -> None:
        self._take(lambda: _taken(image, caption, format, quality, optimize, boxes, masks))

    @property
    def format(self) -> str:
        """The format of the bytes: png, jpeg, gif or webp."""
        return self.media_type.partition("/")[2]

    @property
    def width(self) -> int:
        """The width in pixels."""
        return int(self.attributes["width"])

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.attributes["height"])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def boxes(self) -> dict[str, Any]:
        """The boxes of each group, in fractions of the picture's size."""
        return overlays.revived(self.attributes, self._blob)[0]

    @property
    def masks(self) -> dict[str, Any]:
        """The masks of each group: {"mask_data": array, "class_labels": {...}}."""
        return overlays.revived(self.attributes, self._blob)[1]

    def to_pil_image(self) -> Picture:
        """Return the picture as Pillow's."""
        from PIL import Image as pillow  # noqa: N813  # Pillow's module is named like ours

        picture = pillow.open(io.BytesIO(self.data))
        picture.load()
        return picture

    def to_numpy(self) -> Array:
        """Return the pixels: height x width, and channels if there are several."""
        import numpy as np

        picture = self.to_pil_image()
        return np.array(picture.convert("RGBA") if picture.mode in ("P", "PA") else picture)

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the file's bytes, its size in pixels, and what lies over the picture."""
        words = raw.header
        data, attributes, note = _file_bytes(raw) if words["file"] else _pixel_bytes(raw)
        over, trouble = overlays.encoded(
            words["overlays"], raw.parts[1:], (attributes["width"], attributes["height"]), keep
        )
        head = media_types.media_type_of(bytes(data[: media_types.HEAD_BYTES]))
        return Encoded(
            head,
            data,
            {**attributes, **over, **caption_of(words.get("caption"))},
            "; ".join(filter(None, (note, trouble))),
        )


def _taken(
    image: Any,
    caption: str,
    format: str | None,
    quality: int,
    optimize: bool,
    boxes: Any,
    masks: Any,
) -> Raw:
    over, parts = overlays.taken(boxes, masks)
    wanted = media_types.named(format) if format else ""
    if wanted and wanted not in SHOWN:
        raise ValueRejected(f"format={format!r} is no format of images", hint='format="png"')
    words = {
        **caption_of(caption),
        "format": wanted,
        "quality": int(quality),
        "optimize": bool(optimize),
        "overlays": over,
    }
    picture = picture_of(image)
    return Raw({**words, **picture.header}, (*picture.parts, *parts))


def picture_of(image: Any) -> Raw:
    """Return a picture's pixels, or the file that it is, with `file` in the header.

    Raises ValueRejected.
    """
    if hasattr(image, "savefig"):  # a matplotlib figure, or its pyplot module
        held = io.BytesIO()
        image.savefig(held, format="png")
        return Raw({"file": True}, (held.getvalue(),))
    part = media_types.file_part(image)
    if part is not None:
        head = media_types.head_of(part)
        if not head:
            raise ValueRejected("the file is empty", hint="flush or close it first")
        return Raw({"file": True}, (part,))
    if hasattr(image, "tobytes") and hasattr(image, "mode"):
        return _picture_of_pillow(image)
    return _pixels_of(image)


def _picture_of_pillow(image: Any) -> Raw:
    import numpy as np

    from .arrays import raw_array

    if getattr(image, "is_animated", False):
        file = getattr(image, "filename", "")
        if file and image.format == "GIF" and Path(file).is_file():
            return Raw({"file": True}, (Path(file).absolute(),))
        held = io.BytesIO()
        image.save(held, format="GIF", save_all=True)
        return Raw({"file": True}, (held.getvalue(),))
    if image.mode not in _PLAIN_MODES:
        clear = "A" in image.mode or "a" in image.mode or "transparency" in image.info
        image = image.convert("RGBA" if clear else "RGB")
    array = np.array(image)
    if array.size == 0:
        raise ValueRejected("the picture has no pixels", hint="leave the call out")
    return raw_array(array, file=False, channels_first=False)


def _pixels_of(image: Any) -> Raw:
    from .arrays import array_of, is_tensor, raw_array
    from .pixels import upright

    first = is_tensor(image)
    array = array_of(image)
    upright(array, channels_first=first)
    return raw_array(array, file=False, channels_first=first)


def _pixel_bytes(raw: Raw) -> tuple[bytes, dict[str, Any], str]:
    import numpy as np
    from PIL import Image as pillow  # noqa: N813  # Pillow's module is named like ours

    from .arrays import restored
    from .pixels import levels, upright

    array = upright(restored(raw), channels_first=raw.header["channels_first"])
    pixels, attributes, note = levels(array)
    picture = pillow.fromarray(np.ascontiguousarray(pixels))
    return _saved(picture, raw.header), {**_size(picture), **attributes}, note


def _file_bytes(raw: Raw) -> tuple[bytes | memoryview, dict[str, Any], str]:
    from PIL import Image as pillow  # noqa: N813  # Pillow's module is named like ours
    from PIL import UnidentifiedImageError

    data = raw.data()
    found = media_types.media_type_of(bytes(data[: media_types.HEAD_BYTES]))
    try:
        picture = pillow.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise ValueRejected(
            "the file is no picture that is known",
            hint="PNG, JPEG, GIF, WebP, BMP or TIFF; for others build a PIL image or an array",
        ) from error
    frames = int(getattr(picture, "n_frames", 1))
    attributes = {**_size(picture), **({"frames": frames} if frames > 1 else {})}
    if found in SHOWN and raw.header["format"] in ("", found):
        return data, attributes, ""
    return _saved(picture, raw.header), _size(picture), ""


def _size(picture: Picture) -> dict[str, Any]:
    return {"width": picture.width, "height": picture.height}


def _saved(picture: Picture, words: dict[str, Any]) -> bytes:
    kind = words["format"].partition("/")[2] or "png"
    options: dict[str, Any] = {"quality": min(max(words["quality"], 1), 100)}
    if kind == "jpeg" and picture.mode not in ("L", "RGB", "CMYK"):
        picture = picture.convert("RGB")
    elif kind == "png":
        if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV", "F"):
            picture = picture.convert("RGB")
        options = {"compress_level": COMPRESS_LEVEL}
    if words["optimize"]:
        options = {**options, "optimize": True}
    held = io.BytesIO()
    picture.save(held, format=kind, **options)
    return held.getvalue()
