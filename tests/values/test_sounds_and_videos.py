"""Sounds, videos, clouds of points come back."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow  # noqa: N813  # Pillow's module is named like ours

import foldline
from foldline.errors import FoldlineWarning, ValueRejected
from foldline.values import Audio, Points3D, Video
from tests.values.store import revived

TONE = np.sin(np.arange(2_000) / 7)
WHOLE = (TONE * 30_000).astype(np.int16)


def wav(samples: Any, width: int = 2, channels: int = 1) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8_000)
        file.writeframes(samples if isinstance(samples, bytes) else samples.tobytes())
    return held.getvalue()


@pytest.mark.parametrize(
    ("given", "samples"),
    [
        (WHOLE, WHOLE),
        (WHOLE.astype(np.int32) * 60_000, WHOLE.astype(np.int32) * 60_000),
        (TONE.astype(np.float32), np.rint(TONE.astype(np.float32).astype(float) * 32_767)),
        (np.stack([WHOLE, -WHOLE]), np.stack([WHOLE, -WHOLE], 1)),
        (np.stack([WHOLE, -WHOLE], 1), np.stack([WHOLE, -WHOLE], 1)),
        (np.arange(256, dtype=np.uint8), np.arange(256)),
        (wav(WHOLE), WHOLE),
    ],
    ids=["int16", "int32", "floats", "channels first", "channels last", "uint8", "a WAV file"],
)
def test_samples_come_back(tmp_path: Path, given: Any, samples: Any) -> None:
    """What a sound was made of is read back from its WAV file, with its rate."""
    with foldline.Run(store=tmp_path) as run:
        run.track(Audio(given, rate=8_000, caption="tone"), name="sound")
    (audio,) = revived(tmp_path, "sound")
    assert np.array_equal(audio.to_numpy(), samples)
    assert audio.rate == 8_000 and audio.format == "wav" and audio.caption == "tone"
    assert audio.attributes["seconds"] == pytest.approx(len(audio.to_numpy()) / 8_000)


def test_a_wav_file_of_24_bits_is_read() -> None:
    """Three bytes a sample, the largest and the smallest among them."""
    numbers = [0, 1, -1, 8_388_607, -8_388_608]
    data = b"".join(number.to_bytes(3, "little", signed=True) for number in numbers)
    assert Audio(wav(data, width=3)).to_numpy().tolist() == numbers


def test_other_formats_are_kept_as_they_are(tmp_path: Path) -> None:
    """An MP3 is not decoded; what it is stands in the file or in `format`."""
    mp3 = b"ID3\4\0\0\0\0\0\0" + bytes(100)
    path = tmp_path / "sound.bin"
    path.write_bytes(b"no header" + bytes(100))
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(Audio(mp3), name="mp3")
        run.track(Audio(path, format="flac"), name="flac")
    (sound,) = revived(tmp_path / "store", "mp3")
    assert sound.data == mp3 and sound.media_type == "audio/mpeg"
    with pytest.raises(ValueRejected, match="from WAV"):
        sound.to_numpy()
    assert revived(tmp_path / "store", "flac")[0].data == path.read_bytes()


def test_loud_and_broken_samples_are_scaled_and_counted(tmp_path: Path) -> None:
    """Samples beyond 1 are scaled, NaN is silence, and both are told; so is a missing rate."""
    with (
        pytest.warns(FoldlineWarning, match=r"reach 4: .*its rate is not known"),
        foldline.Run(store=tmp_path) as run,
    ):
        run.track(Audio(np.array([4.0, -2.0, np.nan])), name="loud")
    (audio,) = revived(tmp_path, "loud")
    assert audio.to_numpy().tolist() == [32_767, -16_384, 0]
    assert audio.attributes["peak"] == 4.0 and audio.attributes["nonfinite"] == 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Audio(np.zeros((100, 100))), "no sound"),
        (Audio(np.zeros(4, np.uint64)), "no place in a WAV file"),
        (Audio(b"text"), "no sound that is known"),
        (Audio(np.zeros(9), rate=0), "rate=0"),
        (Audio(np.zeros(9), format="mp3"), "WAV only"),
        (Video(np.zeros((2, 3, 4, 5, 6))), "no video"),
        (Video(np.zeros((2, 3, 4, 3)), fps=-1), "fps=-1"),
        (Video(np.zeros((2, 3, 4, 3)), format="mp4"), "no video codec"),
        (Video(b"text"), "no video that is known"),
        (Points3D(np.zeros((3, 5))), "no cloud"),
        (Points3D([]), "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_none_is_refused_with_the_fix(tmp_path: Path, bad: Any, words: str) -> None:
    """A warning names the call and what to type instead."""
    with pytest.warns(FoldlineWarning, match=words), foldline.Run(store=tmp_path) as run:
        run.track(bad, name="bad")


@pytest.mark.parametrize("format", ["webp", "gif", "png"])
def test_frames_become_a_moving_picture(tmp_path: Path, format: str) -> None:
    """An array of frames is kept as a file that every browser shows, at its speed."""
    frames = np.zeros((3, 16, 24, 3), np.uint8)
    frames[1], frames[2] = 128, 255
    with foldline.Run(store=tmp_path) as run:
        run.track(Video(frames, fps=10, format=format), name="last")
        run.track(Video(frames.transpose(0, 3, 1, 2), fps=10, format=format), name="first")
    for name in ("last", "first"):
        (video,) = revived(tmp_path, name)
        assert video.format == format and video.attributes["fps"] == 10
        with pillow.open(io.BytesIO(video.data)) as picture:
            assert picture.size == (24, 16) and getattr(picture, "n_frames", 1) == 3
            picture.seek(2)
            assert picture.convert("L").getextrema() == (255, 255)


def test_a_video_file_is_kept_as_it_is(tmp_path: Path) -> None:
    """An MP4 is copied, not decoded."""
    path = tmp_path / "play.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(3_000_000))
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(Video(path), name="play")
    (video,) = revived(tmp_path / "store", "play")
    assert video.media_type == "video/mp4" and video.data == path.read_bytes()


@pytest.mark.parametrize("columns", [3, 4, 6])
def test_points_come_back_exactly(tmp_path: Path, columns: int) -> None:
    """Numbers that 32 bits hold take 32, others 64; NaN is kept and counted."""
    single = np.random.default_rng(0).normal(size=(50, columns)).astype(np.float32)
    double = single.astype(np.float64) + 1e-12
    double[3, 1] = np.nan
    with foldline.Run(store=tmp_path) as run:
        run.track([Points3D(single), Points3D(double)], name="cloud")
    first, second = revived(tmp_path, "cloud")
    assert np.array_equal(first.to_numpy(), single) and first.attributes["dtype"] == "<f4"
    assert np.array_equal(second.to_numpy(), double, equal_nan=True)
    assert second.attributes["nonfinite"] == 1
