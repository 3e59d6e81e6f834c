"""All that waits on this machine, shipped."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from .. import packs
from ..errors import ServerFull, ServerRefused, ServerUnreachable
from ..ids import is_id
from ..layout import Layout
from .hold import Remote
from .link import Link
from .pace import PATIENCE_S, Backoff, Rate, told_rate
from .parcel import Opened
from .shipment import Shipment, Wait
from .turn import turn

__all__ = ["Dispatched", "dispatch"]

BUSY_S = 3.0  # a companion that waits for its server lets others try meanwhile
DURABLE_POLL_S = 0.2  # until the server has synced the last of what it has

Hear = Callable[[float], None]


class Dispatched(msgspec.Struct):
    """What was shipped to one server, and what was not."""

    url: str
    runs: int = 0  # that are at the server whole
    bytes: int = 0  # that were sent
    growing: list[str] = []  # runs that are written to: what they had by now is there
    busy: list[str] = []  # runs that somebody else ships
    refused: list[str] = []  # what the server does not take, and why
    trouble: str = ""  # why it ended before all was shipped


def dispatch(
    layout: Layout,
    remote: Remote,
    *,
    hear: Hear | None = None,
    opened: Opened | None = None,
    patience_s: float = PATIENCE_S,
    wait: Wait = time.sleep,
) -> Dispatched:
    """Ship all runs of a store; `hear` is told how much of it is done, 0 to 1.

    `opened` opens segments that may be in packs; those in files of their own need none.

    Gives up once the server could not be reached for `patience_s`. What was sent until then is
    there, and the next time it goes on from there.
    """
    link = Link(remote)
    told = Dispatched(remote.url)
    rate = Rate(told_rate())
    runs = _runs(layout)
    try:
        for at, run in enumerate(runs):
            with turn(layout, run, wait_s=BUSY_S, wait=wait) as mine:
                if not mine:
                    told.busy.append(run)
                    continue
                shipment = Shipment(layout, run, link, opened=opened, rate=rate, wait=wait)

                def sent(part: float, at: int = at) -> None:
                    if hear is not None:
                        hear((at + part) / len(runs))

                try:
                    _ship(shipment, told, sent, patience_s, wait)
                except ServerFull as error:
                    told.refused.append(str(error))  # runs of other experiments are taken
    except (ServerUnreachable, ServerRefused) as error:
        told.trouble = str(error)
    finally:
        link.close()
    return told


def _ship(
    shipment: Shipment,
    told: Dispatched,
    sent: Hear,
    patience_s: float,
    wait: Callable[[float], None],
) -> None:
    """Ship one run as far as it has come."""
    shipment.look()
    total = max(1, shipment.left_bytes)
    worked_at = moved_at = time.monotonic()
    backoff = Backoff()
    before = 0
    while True:
        try:
            moved = shipment.round()
        except ServerFull:
            raise
        except ServerUnreachable as error:
            wait_s = backoff.failed(error.after_s)
            if time.monotonic() + wait_s - worked_at > patience_s:
                raise
            wait(wait_s)
            continue
        finally:
            told.bytes += shipment.sent_bytes - before
            before = shipment.sent_bytes
        worked_at = time.monotonic()
        moved_at = worked_at if moved else moved_at
        backoff.worked()
        sent(1 - min(1.0, shipment.left_bytes / total))
        if not moved and (shipment.is_done or not shipment.waits):
            break
        if worked_at - moved_at > patience_s:
            raise ServerUnreachable(
                f"{told.url} has the run {shipment.run} and does not say that it is durable",
                hint="see what the server's terminal says of its disk",
            )
        if not moved:
            wait(DURABLE_POLL_S)
    told.refused += [str(error) for error in shipment.refusals]
    if shipment.is_done:
        told.runs += 1
    elif not shipment.refusals:
        told.growing.append(shipment.run)


def _runs(layout: Layout) -> list[str]:
    found = {name.run for name in packs.packed_names(layout)}
    with suppress(FileNotFoundError):
        found |= {path.name for path in layout.runs.iterdir()}
    return sorted(filter(is_id, found))
