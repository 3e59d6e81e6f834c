"""What each peer's page asks its server.

Every class knows how its server is started and asks the same questions of it, as its own page asks
them. A question returns how many it found, so that nobody is praised for a quick wrong answer.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from .peer.workload import EXPERIMENT, LONG, NAMES
from .servers import Client

__all__ = ["INTERVIEWS", "Interview", "Unasked"]

POINTS = 100  # of each series: all of them
LONG_POINTS = 500  # of the long one: what a chart draws
LEAST_LR, MODEL = 0.01, "resnet"
ASKED_MAX_S = 30.0  # for all series; what takes longer is reckoned from the part that was had
FRAMES = "/api/v1/series/frames"
MLFLOW = "/ajax-api/2.0/mlflow"
AIM = "/api/runs/search"


class Unasked(Exception):
    """The peer has no such question."""


class Interview(Protocol):
    """The questions to one peer's server."""

    NAME: str
    PACKAGES: tuple[str, ...]  # what is installed for it

    def command(self, binaries: Path, store: Path, port: int) -> list[str]:
        """Return what starts the server; `binaries` is where its commands are."""

    def runs(self, client: Client) -> int:
        """Ask for the first page of runs; return how many the server says there are, or -1."""

    def filtered(self, client: Client) -> int:
        """Ask for runs by a learning rate and a model; return how many there are."""

    def curves(self, client: Client, expected: int) -> tuple[int, float]:
        """Ask for all series whole; return how many came, and how often that is all of them."""

    def long(self, client: Client) -> int:
        """Ask for the series of many points, to draw it; return how many points came."""

    def last_step(self, client: Client, run: str) -> int:
        """Return the last step of a run that is visible, or -1."""


class FoldlineServer:
    """Foldline."""

    NAME: str = "Foldline"
    PACKAGES: tuple[str, ...] = ()

    def command(self, binaries: Path, store: Path, port: int) -> list[str]:
        """Serve with the interpreter that measures."""
        del binaries
        up = [sys.executable, "-m", "foldline_ui", "up", "--store", str(store)]
        return [*up, "--port", str(port), "--json"]

    def runs(self, client: Client) -> int:
        """A page of 100 runs."""
        return int(client.ask("runs/search", {"limit": 100})["total"])

    def filtered(self, client: Client) -> int:
        """All that match, up to 1,000, whole."""
        query = f'run.hparams.lr > {LEAST_LR} and run.hparams.model == "{MODEL}"'
        return len(client.ask("runs/search", {"query": query, "limit": 1000})["rows"])

    def curves(self, client: Client, expected: int) -> tuple[int, float]:
        """One answer, as typed arrays, which are counted and not unpacked."""
        asked = {"query": "", "points": 128, "columns": ["last"]}
        return _frame(client.fetch(FRAMES, asked))[0], 1.0

    def long(self, client: Client) -> int:
        """In 512 buckets of last, smallest and largest."""
        asked = {"query": f'metric.name == "{LONG}"', "points": 512}
        return _frame(client.fetch(FRAMES, asked))[1]

    def last_step(self, client: Client, run: str) -> int:
        """By the curve that a page draws."""
        asked = {"query": f'run.id == "{run}" and metric.name == "loss"', "points": LONG_POINTS}
        return _frame(client.fetch(FRAMES, asked))[1] - 1


class AimServer:
    """Aim."""

    NAME: str = "Aim"
    PACKAGES: tuple[str, ...] = ("aim==3.29.1",)

    def command(self, binaries: Path, store: Path, port: int) -> list[str]:
        """Serve with its defaults."""
        up = [str(binaries / "aim"), "up", "--repo", str(store), "--host", "127.0.0.1"]
        return [*up, "--port", str(port), "-y"]

    def runs(self, client: Client) -> int:
        """A page of 45 runs, as its table asks; the answer does not tell how many there are."""
        query = "limit=45&report_progress=true&exclude_params=false"
        client.fetch(f"{AIM}/run/?{query}")
        return -1

    def filtered(self, client: Client) -> int:
        """All that match."""
        query = f"run.hparams.lr > {LEAST_LR} and run.hparams.model == '{MODEL}'"
        content = client.fetch(f"{AIM}/run/?q={quote(query)}&report_progress=false")
        return content.count(b"creation_time")

    def curves(self, client: Client, expected: int) -> tuple[int, float]:
        """One answer, as its metrics explorer asks."""
        return self._series(client, "metric.name != ''", POINTS), 1.0

    def long(self, client: Client) -> int:
        """Sampled by the server."""
        return self._series(client, f"metric.name == '{LONG}'", LONG_POINTS) * LONG_POINTS

    def _series(self, client: Client, query: str, points: int) -> int:
        asked = urlencode({"q": query, "p": points, "report_progress": "false"})
        return client.fetch(f"{AIM}/metric/?{asked}").count(b"x_axis_iters")

    def last_step(self, client: Client, run: str) -> int:
        """By the request of a run's page."""
        asked = [{"name": "loss", "context": {}}]
        found = json.loads(client.fetch(f"/api/runs/{run}/metric/get-batch/", asked))
        return int(found[0]["iters"][-1]) if found else -1


class MlflowServer:
    """MLflow."""

    NAME: str = "MLflow"
    PACKAGES: tuple[str, ...] = ("mlflow>=3,<4",)

    def command(self, binaries: Path, store: Path, port: int) -> list[str]:
        """Serve with its defaults: four workers."""
        where = ["--backend-store-uri", f"sqlite:///{store}/mlflow.db"]
        artifacts = ["--artifacts-destination", str(store / "artifacts")]
        listen = ["--host", "127.0.0.1", "--port", str(port)]
        return [str(binaries / "mlflow"), "server", *where, *artifacts, *listen]

    def runs(self, client: Client) -> int:
        """A page of 100 runs, newest first; the answer does not tell how many there are."""
        self._search(client, "", 100)
        return -1

    def filtered(self, client: Client) -> int:
        """All of the model: its params are texts, so that it can't compare a learning rate."""
        found, token = 0, ""
        while True:
            page = self._search(client, f"params.model = '{MODEL}'", 1000, token)
            found += len(page.get("runs", []))
            token = page.get("next_page_token", "")
            if not token:
                return found

    def curves(self, client: Client, expected: int) -> tuple[int, float]:
        """A hundred runs and one name at a time, the most it takes, until the time is up."""
        runs, token = [], ""
        while True:
            page = self._search(client, "", 1000, token)
            runs += [run["info"]["run_id"] for run in page.get("runs", [])]
            token = page.get("next_page_token", "")
            if not token:
                break
        came, until = 0, time.monotonic() + ASKED_MAX_S
        for name in NAMES:
            for at in range(0, len(runs), 100):
                self._history(client, name, runs[at : at + 100], POINTS)
                came += len(runs[at : at + 100])
                if time.monotonic() > until:
                    return came, expected / came
        return came, 1.0

    def long(self, client: Client) -> int:
        """Sampled by the server."""
        (run,) = self._search(client, f"attributes.run_name = '{LONG}'", 1)["runs"]
        return len(self._history(client, LONG, [run["info"]["run_id"]], LONG_POINTS))

    def last_step(self, client: Client, run: str) -> int:
        """By the request of a run's page."""
        points = self._history(client, "loss", [run], LONG_POINTS)
        return max((int(point["step"]) for point in points), default=-1)

    def _search(self, client: Client, query: str, limit: int, token: str = "") -> Any:
        asked = {"max_results": 100, "filter": f"name = '{EXPERIMENT}'"}
        found = json.loads(client.fetch(f"{MLFLOW}/experiments/search", asked))["experiments"]
        body = {
            "experiment_ids": [found[0]["experiment_id"]],
            "filter": query,
            "run_view_type": "ACTIVE_ONLY",
            "max_results": limit,
            "order_by": ["attributes.start_time DESC"],
            **({"page_token": token} if token else {}),
        }
        return json.loads(client.fetch(f"{MLFLOW}/runs/search", body))

    def _history(self, client: Client, name: str, runs: list[str], points: int) -> list[Any]:
        asked = [("run_ids", run) for run in runs]
        asked += [("metric_key", name), ("max_results", str(points))]
        content = client.fetch(f"{MLFLOW}/metrics/get-history-bulk-interval?{urlencode(asked)}")
        return list(json.loads(content)["metrics"])


class TensorboardServer:
    """TensorBoard."""

    NAME: str = "TensorBoard"
    PACKAGES: tuple[str, ...] = ("tensorboard==2.21.0", "tensorboardX>=2.6,<3")

    def command(self, binaries: Path, store: Path, port: int) -> list[str]:
        """Serve, and look for new points as often as it can."""
        listen = ["--host", "127.0.0.1", "--port", str(port), "--reload_interval", "1"]
        return [str(binaries / "tensorboard"), "--logdir", str(store), *listen]

    def runs(self, client: Client) -> int:
        """The names of all runs."""
        return len(json.loads(client.fetch("/data/runs")))

    def filtered(self, client: Client) -> int:
        """It has no query for runs."""
        raise Unasked

    def curves(self, client: Client, expected: int) -> tuple[int, float]:
        """One request for each name, as its pages ask."""
        return sum(self._series(client, name).count(b': [{"wallTime"') for name in NAMES), 1.0

    def long(self, client: Client) -> int:
        """As many points as it kept: a sample of a thousand."""
        return self._series(client, LONG).count(b"wallTime")

    def last_step(self, client: Client, run: str) -> int:
        """By the request of its first tab."""
        asked = urlencode({"run": run, "tag": "loss"})
        return int(json.loads(client.fetch(f"/data/plugin/scalars/scalars?{asked}"))[-1][1])

    def _series(self, client: Client, name: str) -> bytes:
        asked = urlencode({"requests": json.dumps([{"plugin": "scalars", "tag": name}])})
        return client.fetch("/data/plugin/timeseries/timeSeries", asked.encode())


INTERVIEWS: dict[str, Interview] = {
    "foldline": FoldlineServer(),
    "aim": AimServer(),
    "mlflow": MlflowServer(),
    "tensorboard": TensorboardServer(),
}


def _frame(message: bytes) -> tuple[int, int]:
    """Return how many curves and how many points a message of frames has."""
    curves, points = struct.unpack_from("<II", message, 12)
    return curves, points
