"""What is logged of a run without being asked."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import FoldlineError, ValueRejected
from ..notices import Notices, shown
from ..writer import Writer
from .choice import SYSTEM_INTERVAL_S, Choice, choose

if TYPE_CHECKING:
    from ..messages import Messages
    from .beside import Beside
    from .heard import Heard

__all__ = ["Capture", "begin"]


class Capture:
    """All that is captured of one run in this process."""

    def __init__(self) -> None:
        self.beside: Beside | None = None
        self.heard: Heard | None = None
        self.messages: Messages | None = None

    def settle(self) -> None:
        """End what this process captures itself, while its writer is open; at most once."""
        heard, messages, self.heard, self.messages = self.heard, self.messages, None, None
        if heard is not None:
            heard.end()
        if messages is not None:
            messages.end()

    def end(self, *, at_exit: bool = False) -> None:
        """Have all that was printed handed on, and let the companion go; at most once.

        `at_exit` has it stay to see the exit code.

        After the writer is closed: until its segment says how it ended, the companion would tell
        of a death.
        """
        beside, self.beside = self.beside, None
        if beside is not None:
            with suppress(OSError):  # no descriptors left, say; the run is ended all the same
                beside.end(at_exit=at_exit)

    def after_fork(self) -> None:
        """Leave all but the messages to the parent."""
        if self.beside is not None:
            with suppress(OSError):
                self.beside.forget()
        self.beside = self.heard = None


def begin(
    writer: Writer,
    notices: Notices,
    *,
    capture: Any = None,
    system_tracking_interval: float | None = SYSTEM_INTERVAL_S,
    log_system_params: bool | None = None,
    capture_terminal_logs: bool | None = None,
) -> Capture:
    """Begin to capture for the run of an open writer; the keywords are those of `choose`.

    Raises FoldlineError in strict mode alone.
    """
    begun = Capture()
    try:
        choice = choose(
            capture,
            system_tracking_interval=system_tracking_interval,
            log_system_params=log_system_params,
            capture_terminal_logs=capture_terminal_logs,
            tell=partial(notices.give, "capture"),
        )
    except FoldlineError:
        raise  # strict mode
    except Exception as error:  # noqa: BLE001  # whatever was passed: a training has begun
        choice = Choice()
        what = f"capture={shown(capture)}: {shown(error)}; nothing is captured"
        notices.give("capture", ValueRejected(what, hint='capture=["git", "console"]'))
    try:
        if choice.messages:
            from ..messages import Messages

            begun.messages = Messages(writer.event)
        is_remote = writer.layout.remote.exists()  # whose run the companion ships
        if choice.needs_companion or is_remote:
            from .beside import Beside

            begun.beside = Beside(choice, writer, notices)
            if not begun.beside.launched:
                begun.beside = None
                if is_remote:
                    what = "no companion can be started here, so nothing ships this run by itself"
                    notices.give("shipping", FoldlineError(what, hint="run foldline sync later"))
                if choice.console:
                    from .heard import Heard

                    begun.heard = Heard(writer.event)
    except Exception as error:  # noqa: BLE001  # a training without its console is a training
        what = f"{type(error).__name__}: {error}"
        notices.give("capture", FoldlineError(f"not all of this run is captured: {what}"))
    return begun
