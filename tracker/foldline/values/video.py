"""Moving pictures."""

from __future__ import annotations

import io
from typing import Any

from ..errors import ValueRejected
from . import media_types
from .value import Encoded, Keep, Raw, Tracked, caption_of

__all__ = ["Video"]

FRAMES_MAX = 10_000  # of an array: minutes of play; longer ones want a video codec
_MOVING = {"gif": "GIF", "webp": "WEBP", "png": "PNG"}


class Video(Tracked):
    """A video.

    `data` is the path of a file or its bytes, kept as they are, or an array of frames: frames x
    height x width x channels, or channels before height. There is no video codec in Foldline, so
    frames become a moving picture: `format` "webp" (the default), "gif" (256 colours), or "png"
    (without loss, large). For long ones encode an MP4 yourself and give its path. `fps` is in
    frames a second.

    What can't be kept is told by `track`, not here: building a video never raises.
    """

    KIND = "video"

    def __init__(
        self, data: Any, caption: str = "", fps: float | None = None, format: str | None = None
    ) -> None:
        self._take(lambda: _taken(data, caption, fps, format))

    @property
    def format(self) -> str:
        """The format of the bytes, such as mp4 or webp."""
        return self.media_type.partition("/")[2]

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the file's bytes."""
        caption = caption_of(raw.header.get("caption"))
        if raw.header["type"]:
            return Encoded(raw.header["type"], raw.data(), caption)
        data, attributes, note = _moving(raw)
        return Encoded(media_types.media_type_of(data[:64]), data, {**attributes, **caption}, note)


def _taken(data: Any, caption: str, fps: float | None, format: str | None) -> Raw:
    from .arrays import array_of, raw_array

    words = caption_of(caption)
    part = media_types.file_part(data)
    if part is not None:
        kind = media_types.media_type_of(media_types.head_of(part))
        if format and not kind:
            kind = media_types.named(format)
        if not kind.startswith(("video/", "image/gif", "image/webp", "image/png")):
            raise ValueRejected(
                "the file is no video that is known", hint="mp4, webm, mov or gif, or format="
            )
        return Raw({**words, "type": kind}, (part,))
    wanted = str(format or "webp").lower()
    if wanted not in _MOVING:
        raise ValueRejected(
            f"frames can't become {wanted}: there is no video codec here",
            hint='format="webp", "gif" or "png"; or encode it yourself and give the path',
        )
    array = array_of(data)
    if array.ndim == 5 and array.shape[0] == 1:
        array = array[0]  # a batch of one
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4) or len(array) > FRAMES_MAX:
        raise ValueRejected(
            f"an array of shape {array.shape} is no video",
            hint=f"frames x height x width x channels, at most {FRAMES_MAX} frames",
        )
    rate = 4.0 if fps is None else float(fps)
    if not 0 < rate <= 1_000:
        raise ValueRejected(f"fps={fps} is no number of frames a second", hint="fps=25")
    return raw_array(array.copy(order="C"), type="", fps=rate, format=wanted, **words)


def _moving(raw: Raw) -> tuple[bytes, dict[str, Any], str]:
    from PIL import Image

    from .arrays import restored
    from .pixels import levels

    pixels, attributes, note = levels(restored(raw))
    if pixels.shape[3] == 1:
        pixels = pixels[..., 0]
    frames = [Image.fromarray(frame) for frame in pixels]
    rate = raw.header["fps"]
    held = io.BytesIO()
    frames[0].save(
        held,
        format=_MOVING[raw.header["format"]],
        save_all=True,
        append_images=frames[1:],
        duration=max(round(1_000 / rate), 1),  # in milliseconds
        loop=0,
    )
    size = {"width": frames[0].width, "height": frames[0].height}
    return held.getvalue(), {**size, "frames": len(frames), "fps": rate, **attributes}, note
