"""A real notebook kernel, and cells that run in it."""

from __future__ import annotations

import queue
import time
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_client.manager import KernelManager

__all__ = ["Kernel", "Output"]

START_S = 60.0  # a first start, on a busy machine, with everything to compile
CELL_S = 60.0
POLL_S = 0.2


class Output(NamedTuple):
    """What a cell put out: a message of the kernel, by its type."""

    type: str
    content: dict[str, Any]

    @property
    def html(self) -> str:
        return str(self.content.get("data", {}).get("text/html", ""))

    @property
    def display(self) -> str:
        return str(self.content.get("transient", {}).get("display_id", ""))

    @property
    def text(self) -> str:
        return str(self.content.get("text", "") or "\n".join(self.content.get("traceback", ())))


class Kernel:
    """One kernel, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._manager = KernelManager()
        self._manager.start_kernel(cwd=str(folder))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=START_S)

    @property
    def pid(self) -> int:
        return int(self._manager.provisioner.pid)

    def begin(self, code: str, *, cell: str = "") -> str:
        """Have a cell run, and return what its outputs are known by."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        asked = self._client.session.msg("execute_request", content)
        if cell:
            asked["metadata"] = {"cellId": cell}
        self._client.shell_channel.send(asked)
        return str(asked["header"]["msg_id"])

    def outputs(self, cell: str | None = None, *, until: str = "") -> list[Output]:
        """Return what comes until a cell has ended, or until an output contains a text."""
        found: list[Output] = []
        end = time.monotonic() + CELL_S
        while time.monotonic() < end:
            try:
                message = self._client.get_iopub_msg(timeout=POLL_S)
            except queue.Empty:
                continue
            output = Output(message["msg_type"], message["content"])
            mine = cell is None or message["parent_header"].get("msg_id") == cell
            if output.type == "status":
                if cell and mine and output.content["execution_state"] == "idle" and not until:
                    return found
                continue
            if output.type == "execute_input":
                continue  # an echo of the cell
            if mine or output.type == "update_display_data":
                found.append(output)
                if until and until in f"{output.html}{output.text}":
                    return found
        raise AssertionError(f"waited {CELL_S:g} s; there was: {found}")

    def run(self, code: str, *, cell: str = "") -> list[Output]:
        """Run a cell to its end and return its outputs."""
        return self.outputs(self.begin(code, cell=cell))

    def end(self, *, now: bool = False) -> None:
        """Ask the kernel to end, or kill it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=now)
        self._manager.cleanup_resources()
