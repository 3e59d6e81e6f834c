"""The demo's processes: a server, the trainings, their progress."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

from .progress import Progress
from .sweep import TRIALS

__all__ = ["main"]

STORE_DEFAULT = ".foldline-demo"
PORT_DEFAULT = 43800  # as `foldline up`; another one if it is taken
EXIT_PORT_TAKEN = 3  # of `foldline up`
PROCESSES = 4  # that train at once: more than the cores of a small machine, as in a real sweep
STEPS_DEFAULT = 1400  # batches for each model: about 30 times through the images
SECONDS_DEFAULT = 90.0  # long enough to look around while the curves grow
STOP_S = 10.0  # what a process gets to end by itself
REDRAW_S = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Serve, train two dozen models, and keep serving until Ctrl-C; return the exit status."""
    options = _options(arguments)
    if importlib.util.find_spec("sklearn") is None:
        print(
            "error: the demo trains scikit-learn's models\n  hint: pip install 'foldline[demo]'",
            file=sys.stderr,
        )
        return 2
    # However it is told to end, the processes below end with it. Ctrl-C is among them because a
    # shell that starts a command in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    store = Path(options.store).absolute()
    try:
        with ExitStack() as stack:
            return _show(options, store, stack)
    except KeyboardInterrupt:
        print(f"\nStopped. See it again with: foldline up --store {_short(store)}")
        return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="foldline demo",
        description=f"Train {len(TRIALS)} small models on handwritten digits, in {PROCESSES} "
        "processes at once, and watch them in the browser.",
        epilog="example: foldline demo --seconds 30",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--store",
        metavar="FOLDER",
        default=STORE_DEFAULT,
        help="where the runs are kept; later demos add to it (./%(default)s)",
    )
    parser.add_argument(
        "--port", type=int, help=f"0 picks any that is free ({PORT_DEFAULT}, or any if taken)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS_DEFAULT,
        help="how long the training is stretched to, to be watched; 0 is flat out (%(default)s)",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=len(TRIALS),
        choices=range(1, len(TRIALS) + 1),
        metavar="N",
        help="train the first N models only (%(default)s)",
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS_DEFAULT, help="batches for each model (%(default)s)"
    )
    parser.add_argument("--exit", action="store_true", help="end when the models are trained")
    return parser.parse_args(arguments)


def _show(options: argparse.Namespace, store: Path, stack: ExitStack) -> int:
    url = _serve(store, options.port, stack)
    if isinstance(url, int):
        return url
    print(f"\n  Open {url}\n")
    print(f"Training {options.runs} models; their runs are kept in {_short(store)}.", flush=True)
    reports: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    processes = min(PROCESSES, options.runs)
    for number in range(processes):
        trials = range(number, options.runs, processes)
        _train(store, trials, options, reports, stack)
    progress = Progress(options.runs, options.steps)
    while processes:
        try:
            report = reports.get(timeout=REDRAW_S)
        except Empty:
            report = {}
        if report is None:
            processes -= 1
        elif report:
            progress.add(report)
        progress.draw()
    progress.end()
    if options.exit:
        return 0 if progress.ended == options.runs else 1
    print(f"All models are trained. Still serving {url}\nPress Ctrl-C to stop.", flush=True)
    while True:
        signal.pause()


def _serve(store: Path, port: int | None, stack: ExitStack) -> str | int:
    """Start the server and return its URL, or its exit status if it did not start."""
    command = [sys.executable, "-m", "foldline_ui", "up", "--json", "--store", str(store)]
    for chosen in (PORT_DEFAULT, 0) if port is None else (port,):
        last = port is not None or chosen == 0
        process = subprocess.Popen(
            [*command, "--port", str(chosen)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if last else subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we end the trainings before the server
            text=True,
        )
        assert process.stdout
        line = process.stdout.readline()
        if line:
            stack.callback(_stop, process)
            if process.stderr:
                threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True).start()
            return str(json.loads(line)["url"])
        _, words = process.communicate()
        if process.returncode != EXIT_PORT_TAKEN or last:
            sys.stderr.write(words or "")
            break
    return process.returncode or 1


def _train(
    store: Path,
    trials: range,
    options: argparse.Namespace,
    reports: SimpleQueue[dict[str, Any] | None],
    stack: ExitStack,
) -> None:
    step_ms = 1000 * options.seconds * min(PROCESSES, options.runs) / options.runs / options.steps
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "foldline_ui.demo.train"),
            *("--trials", ",".join(map(str, trials))),
            *("--steps", str(options.steps), "--step-ms", f"{step_ms:.3f}"),
        ],
        # Matrices this small are slower on many threads, and four processes have enough of them.
        env={**os.environ, **one_thread, "FOLDLINE_STORE": str(store)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    stack.callback(_stop, process)

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            reports.put(json.loads(line))
        reports.put(None)

    threading.Thread(target=read, daemon=True).start()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pass_on(stream: Any) -> None:
    for line in stream:
        sys.stderr.write(line)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _short(path: Path) -> str:
    near = path.is_relative_to(Path.cwd())
    return f"./{path.relative_to(Path.cwd())}" if near else str(path)
