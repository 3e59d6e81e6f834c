"""Sounds."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, Any

from ..errors import ValueRejected
from . import media_types
from .value import Encoded, Keep, Raw, Tracked, caption_of

if TYPE_CHECKING:
    from .arrays import Array

__all__ = ["Audio"]

RATE_DEFAULT = 22_050  # samples a second, where the script does not say; as in Aim
RATE_MAX = 2_000_000  # samples a second: beyond any converter, so a mistake
CHANNELS_MAX = 64  # of an array; more is a batch, or time on the wrong axis


class Audio(Tracked):
    """A sound.

    `data` is an array or tensor of samples, with a second axis for channels if there are several,
    or the path of a file or its bytes. Files are kept as they are. Samples become a WAV file:
    integers as they are, floats from -1 to 1 with 16 bits. `rate` is in samples a second.

    What can't be kept is told by `track`, not here: building a sound never raises.
    """

    KIND = "audio"

    def __init__(
        self, data: Any, format: str = "", caption: str = "", rate: int | None = None
    ) -> None:
        self._take(lambda: _taken(data, format, caption, rate))

    @property
    def format(self) -> str:
        """The format of the bytes: wav, mpeg, flac, ogg or mp4."""
        return self.media_type.partition("/")[2]

    @property
    def rate(self) -> int:
        """Samples a second, where it is known: of WAV."""
        return int(self.attributes.get("rate", 0))

    def get(self) -> io.BytesIO:
        """Return the bytes as a file."""
        return io.BytesIO(self.data)

    def to_numpy(self) -> Array:
        """Return the samples of a WAV file: time, and channels if there are several.

        Raises ValueRejected for other formats.
        """
        import numpy as np

        if self.media_type != "audio/wav":
            raise ValueRejected(
                f"samples are read from WAV, not from {self.media_type}",
                hint="decode `audio.data` with a library for that format",
            )
        with wave.open(self.get()) as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
        if width == 3:  # numpy has no such integer: the three high bytes of four
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            samples = wide.reshape(-1).view("<i4") >> 8
        else:
            samples = np.frombuffer(data, {1: "|u1", 2: "<i2", 4: "<i4"}[width])
        return samples.reshape(-1, channels) if channels > 1 else samples

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the file's bytes, and what a WAV file says of itself."""
        words = raw.header
        caption = caption_of(words.get("caption"))
        if words["format"]:
            told = _told(raw.data(), words["format"])
            return Encoded(words["format"], raw.data(), {**told, **caption})
        data, note, attributes = _wave(raw)
        return Encoded(
            "audio/wav", data, {**_told(data, "audio/wav"), **attributes, **caption}, note
        )


def _taken(data: Any, format: str, caption: str, rate: int | None) -> Raw:
    from .arrays import array_of, raw_array

    words = caption_of(caption)
    part = media_types.file_part(data)
    if part is not None:
        kind = media_types.media_type_of(media_types.head_of(part))
        if format and not kind.startswith("audio/"):
            kind = media_types.named(format)
        if not kind.startswith(("audio/", "video/webm")):
            raise ValueRejected(
                "the file is no sound that is known", hint="wav, mp3, flac or ogg, or format="
            )
        return Raw({**words, "format": kind}, (part,))
    if format and media_types.named(format) != "audio/wav":
        raise ValueRejected("samples are kept as WAV only", hint='format="wav", or encode it first')
    array = array_of(data)
    if array.ndim == 2 and array.shape[0] < array.shape[1] and array.shape[0] <= CHANNELS_MAX:
        array = array.T  # channels first, as torchaudio has them
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > CHANNELS_MAX):
        raise ValueRejected(
            f"an array of shape {array.shape} is no sound",
            hint="samples, or samples x channels; a batch is a list: [Audio(x) for x in batch]",
        )
    if rate is not None and not 0 < int(rate) <= RATE_MAX:
        raise ValueRejected(f"rate={rate} is no number of samples a second", hint="rate=16_000")
    return raw_array(array.copy(order="C"), format="", rate=rate and int(rate), **words)


def _wave(raw: Raw) -> tuple[bytes, str, dict[str, Any]]:
    import numpy as np

    from .arrays import finite, restored

    array = restored(raw)
    attributes: dict[str, Any] = {}
    notes: list[str] = []
    if array.dtype.kind == "f":
        array, missing = finite(array.astype(np.float64))
        if missing:
            attributes["nonfinite"] = missing
        peak = float(np.abs(array).max())
        if peak > 1:
            attributes["peak"] = peak
            notes.append(f"its samples reach {peak:g}: they were scaled to -1..1")
            array = array / peak
        array = np.rint(array * 32_767).astype("<i2")
    elif array.dtype.kind == "b" or array.dtype.itemsize == 8 or array.dtype.kind == "u":
        if array.dtype != np.uint8:
            raise ValueRejected(
                f"samples of {array.dtype} have no place in a WAV file",
                hint="floats from -1 to 1, or int16",
            )
    elif array.dtype.itemsize == 1:  # WAV has 8 bits without a sign
        array = (array.astype(np.int16) + 128).astype(np.uint8)
    rate = raw.header["rate"]
    if rate is None:
        rate = RATE_DEFAULT
        notes.append(f"its rate is not known, and taken for {RATE_DEFAULT} (rate= says it)")
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(array.shape[1] if array.ndim == 2 else 1)
        file.setsampwidth(array.dtype.itemsize)
        file.setframerate(rate)
        file.writeframes(array.tobytes())
    return held.getvalue(), "; ".join(notes), attributes


def _told(data: bytes | memoryview, kind: str) -> dict[str, Any]:
    """Return what a WAV file says of itself; other formats need a decoder to say it."""
    if kind != "audio/wav":
        return {}
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, frames = file.getframerate(), file.getnframes()
            return {"rate": rate, "channels": file.getnchannels(), "seconds": frames / rate}
    except (wave.Error, EOFError, ZeroDivisionError):
        return {}  # a WAV file of another coding
