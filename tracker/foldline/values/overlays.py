"""Boxes and masks that lie over a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..errors import ValueRejected
from ..params import plain
from .value import Keep, Part, Raw

__all__ = ["encoded", "revived", "taken"]

BOXES_MAX = 10_000  # of one picture: more than a page can draw
GROUPS_MAX = 100  # of boxes and of masks on one picture: they are layers to switch
INLINE_BYTES_MAX = 4_096  # of overlays kept in the event itself; larger ones are a blob
CLASSES_MAX = 65_536  # of a mask: what two bytes a pixel tell apart


def taken(boxes: Any, masks: Any) -> tuple[dict[str, Any], tuple[Part, ...]]:
    """Return the overlays as given: plain boxes, and the masks' numbers as parts.

    Raises ValueRejected.
    """
    if not boxes and not masks:
        return {}, ()
    groups = {str(name): _boxes(group) for name, group in _groups("boxes", boxes)}
    if sum(len(group["boxes"]) for group in groups.values()) > BOXES_MAX:
        raise ValueRejected(
            f"a picture has at most {BOXES_MAX} boxes", hint="keep those of the best scores"
        )
    layers: list[dict[str, Any]] = []
    parts: list[Part] = []
    for name, group in _groups("masks", masks):
        raw = _mask(group)
        layers.append({"name": str(name), **raw.header})
        parts += raw.parts
    return {"boxes": groups, "masks": layers}, tuple(parts)


def encoded(
    words: dict[str, Any], parts: Sequence[Part], size: tuple[int, int], keep: Keep
) -> tuple[dict[str, Any], str]:
    """Return the attributes that tell of the overlays, and a note on what was left out.

    Boxes are in fractions of the picture; a mask is a grey PNG whose levels are class ids.
    """
    if not words:
        return {}, ""
    boxes = {
        name: {**group, "boxes": [_fractions(box, size) for box in group["boxes"]]}
        for name, group in words["boxes"].items()
    }
    masks, note = {}, ""
    for layer, part in zip(words["masks"], parts, strict=True):
        if layer["shape"] != [size[1], size[0]]:
            note = (
                f"its mask {layer['name']!r} of shape {tuple(layer['shape'])} does not fit the "
                f"picture of {size[1]} x {size[0]} and is left out"
            )
            continue
        digest = keep(_mask_bytes(Raw(layer, (part,))))
        masks[layer["name"]] = {"blob": digest, "labels": layer["labels"]}
    found = {key: value for key, value in (("boxes", boxes), ("masks", masks)) if value}
    text = msgspec.json.encode(found)
    return (found if len(text) <= INLINE_BYTES_MAX else {"overlays": keep(text)}), note


def revived(
    attributes: dict[str, Any], read: Callable[[str], bytes]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return boxes and masks by group, the masks as arrays of class ids."""
    import numpy as np
    from PIL import Image

    found = attributes
    if "overlays" in attributes:
        found = msgspec.json.decode(read(attributes["overlays"]))
    masks = {
        name: {
            "mask_data": np.array(Image.open(io.BytesIO(read(layer["blob"])))),
            "class_labels": layer["labels"],
        }
        for name, layer in found.get("masks", {}).items()
    }
    return found.get("boxes", {}), masks


def _groups(what: str, groups: Any) -> list[tuple[str, Any]]:
    if not groups:
        return []
    if not isinstance(groups, Mapping) or len(groups) > GROUPS_MAX:
        raise ValueRejected(
            f"{what} is no dict of at most {GROUPS_MAX} groups",
            hint=f'{what}={{"predictions": {{...}}}}',
        )
    return list(groups.items())


def _boxes(group: Any) -> dict[str, Any]:
    boxes = group["box_data"] if isinstance(group, Mapping) else group
    labels = plain(group.get("class_labels") or {}) if isinstance(group, Mapping) else {}
    return {"boxes": [_box(box) for box in boxes], "labels": labels}


def _box(box: Any) -> dict[str, Any]:
    place = box.get("position", box)
    if "middle" in place:
        (x, y), w, h = place["middle"], place["width"], place["height"]
        edges = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    else:
        edges = [place["minX"], place["minY"], place["maxX"], place["maxY"]]
    edges = [float(edge) for edge in edges]
    if not all(map(math.isfinite, edges)):
        raise ValueRejected(f"a box from {edges[:2]} to {edges[2:]} is nowhere")
    kept: dict[str, Any] = {"at": edges, "pixels": box.get("domain") == "pixel"}
    if box.get("class_id") is not None:
        kept["class"] = int(box["class_id"])
    if box.get("box_caption"):
        kept["caption"] = plain(str(box["box_caption"]))
    if box.get("scores"):
        kept["scores"] = {str(name): float(score) for name, score in box["scores"].items()}
    return kept


def _fractions(box: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    kept = {key: value for key, value in box.items() if key != "pixels"}
    if box["pixels"]:
        kept["at"] = [edge / size[axis % 2] for axis, edge in enumerate(box["at"])]
    return kept


def _mask(group: Any) -> Raw:
    import numpy as np

    from .arrays import array_of, raw_array

    data = group["mask_data"] if isinstance(group, Mapping) else group
    labels = plain(group.get("class_labels") or {}) if isinstance(group, Mapping) else {}
    array = array_of(data).squeeze()
    whole = array.astype(np.int64)
    if array.ndim != 2 or not np.array_equal(whole, array):
        raise ValueRejected(
            f"a mask of shape {array.shape} and type {array.dtype} is no map of class ids",
            hint="integers, height x width",
        )
    if whole.min() < 0 or whole.max() >= CLASSES_MAX:
        raise ValueRejected(f"the class ids of a mask go from 0 to {CLASSES_MAX - 1}")
    return raw_array(whole.astype(np.uint8 if whole.max() < 256 else np.uint16), labels=labels)


def _mask_bytes(raw: Raw) -> bytes:
    from PIL import Image

    from .arrays import restored

    held = io.BytesIO()
    Image.fromarray(restored(raw)).save(held, format="png")
    return held.getvalue()
