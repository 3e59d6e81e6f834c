"""Charts that a script drew."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ..errors import ValueRejected
from .value import Encoded, Keep, Raw, Tracked, caption_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["PLOTLY", "Figure"]

FIGURE_BYTES_MAX = 64 * 1_048_576  # of JSON; a browser hardly draws a larger one
PLOTLY = "application/vnd.plotly.v1+json"


class Figure(Tracked):
    """A chart: a plotly figure, plotly's JSON as a dict, or a matplotlib figure.

    A matplotlib figure is kept as a picture and, where plotly is installed and can convert it, as
    plotly's JSON too; `interactive=False` leaves that out, which loads plotly and takes time.

    What can't be kept is told by `track`, not here: building a figure never raises.
    """

    KIND = "figure"
    LIGHT = True

    def __init__(self, figure: Any, caption: str = "", *, interactive: bool = True) -> None:
        self._take(lambda: _taken(figure, caption, interactive))

    @classmethod
    def _made(cls, make: Callable[[], dict[str, Any]]) -> Self:
        """Return a figure of JSON that is made here, and remember why if that fails."""
        figure = cls.__new__(cls)
        figure._take(lambda: _taken(make(), "", interactive=False))
        return figure

    def to_json(self) -> dict[str, Any]:
        """Return plotly's JSON. Raises ValueRejected for what is a picture only."""
        if self.media_type != PLOTLY:
            raise ValueRejected("the figure is a picture only", hint="figure.to_pil_image()")
        found: dict[str, Any] = msgspec.json.decode(self.data)
        return found

    def to_plotly_figure(self) -> Any:
        """Return plotly's figure. Raises ValueRejected if that is not there, or plotly is not."""
        try:
            import plotly.io
        except ImportError as error:
            raise ValueRejected("plotly is not installed", hint="pip install plotly") from error
        self.to_json()
        return plotly.io.from_json(self.data.decode(), skip_invalid=True)

    def to_pil_image(self) -> Picture:
        """Return the picture of a matplotlib figure. Raises ValueRejected for a plotly one."""
        from PIL import Image

        picture = self.attributes.get("picture")
        data = self._blob(picture) if picture else self.data
        if self.media_type == PLOTLY and not picture:
            raise ValueRejected("a plotly figure has no picture", hint="figure.to_plotly_figure()")
        return Image.open(io.BytesIO(data))

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return plotly's JSON, or a picture; one beside the other if there are both."""
        words = raw.header
        attributes: dict[str, Any] = caption_of(words.get("caption"))
        if len(raw.parts) > 1:
            attributes["picture"] = keep(raw.data(1))
        return Encoded(words["type"], raw.data(), attributes)


def _taken(figure: Any, caption: str, interactive: bool) -> Raw:
    words = caption_of(caption)
    if hasattr(figure, "savefig"):
        held = io.BytesIO()
        figure.savefig(held, format="png")
        drawn = _converted(figure) if interactive and find_spec("plotly") else None
        if drawn is None:
            return Raw({"type": "image/png", **words}, (held.getvalue(),))
        return Raw({"type": PLOTLY, **words}, (drawn, held.getvalue()))
    if hasattr(figure, "to_json") and not isinstance(figure, dict):
        text = figure.to_json()
        data = text.encode() if isinstance(text, str) else b""
    elif isinstance(figure, dict):
        data = msgspec.json.encode(figure, enc_hook=_listed)
    else:
        data = b""
    tree = msgspec.json.decode(data) if data else None
    if not isinstance(tree, dict) or not isinstance(tree.get("data"), list):
        raise ValueRejected(
            f"a {type(figure).__name__} is no figure",
            hint='a plotly or matplotlib figure, or {"data": [...], "layout": {...}}',
        )
    if len(data) > FIGURE_BYTES_MAX:
        raise ValueRejected(
            f"a figure of {len(data)} bytes is too large: at most {FIGURE_BYTES_MAX}",
            hint="draw fewer points",
        )
    return Raw({"type": PLOTLY, **words}, (data,))


def _listed(value: Any) -> Any:
    """Return what JSON lacks, arrays and numpy's numbers, as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise NotImplementedError(f"a {type(value).__name__} is not JSON")


def _converted(figure: Any) -> bytes | None:
    """Return a matplotlib figure as plotly's JSON, or None if plotly can't make it."""
    import warnings

    try:
        from plotly.tools import mpl_to_plotly

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it can't convert: the picture has it
            return str(mpl_to_plotly(figure).to_json()).encode()
    except Exception:  # noqa: BLE001  # it fails in many ways on what it does not know
        return None
