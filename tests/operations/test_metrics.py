"""What Prometheus is told."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import foldline
from foldline.errors import FoldlineError
from foldline_ui.exposition import Exposition, Histogram
from tests.ui.fakes import Fake, serving
from tests.ui.processes import Server, log_run, up

Measures = dict[str, dict[frozenset[tuple[str, str]], float]]

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()


def parse(text: str) -> Measures:
    """Return the samples by name and labels, as Prometheus's own parser reads them."""
    found: Measures = {}
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in found.setdefault(sample.name, {}), "it is told twice"
            found[sample.name][labels] = sample.value
    return found


def value(found: Measures, name: str, **labels: str) -> float:
    """Return a measure, 0 if it was never counted."""
    return found[name].get(frozenset(labels.items()), 0.0)


def measures(server: Server) -> Measures:
    with urllib.request.urlopen(f"{server.url}api/v1/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return parse(answer.read().decode())


def test_a_server_is_measured(tmp_path: Path) -> None:
    """Requests, runs, the fold, damage, the disk and the process are told, and add up.

    docs/operations.md names what is told, and nothing else.
    """
    store = tmp_path / "store"
    log_run(store, "first")
    (segment,) = (store / "runs/first/log").iterdir()
    data = bytearray(segment.read_bytes())
    data[400] ^= 1
    segment.write_bytes(data)
    with up(store) as server, foldline.Run(id="second", store=store) as run:
        run.track(1.0, name="loss", step=0)
        server.wait_until_live()
        server.ask("runs/first")
        with pytest.raises(urllib.error.HTTPError):
            server.ask("runs/nobody")
        with pytest.raises(urllib.error.HTTPError):
            server.ask("nothing/here?token=secret")
        found = measures(server)
        again = measures(server)
    requests = "foldline_requests_total"
    one = {"method": "GET", "route": "/runs/{id}"}
    assert value(found, requests, **one, code="200") == 1
    assert value(found, requests, **one, code="404") == 1
    assert value(found, requests, method="GET", route="none", code="404") == 1
    assert "secret" not in str(found) and "nobody" not in str(found)
    assert value(found, "foldline_request_duration_seconds_count", **one) == 2
    for status in ("finished", "running", "failed", "killed", "lost"):
        expected = int(status in {"finished", "running"})
        assert value(found, "foldline_runs", status=status) == expected
    assert value(found, "foldline_fold_state", shelf="catalog", state="live") == 1
    assert value(found, "foldline_fold_lag_bytes", shelf="catalog") == 0
    assert value(found, "foldline_damaged_places") >= 1  # a bit may spoil a record and its seal
    assert value(found, "foldline_log_bytes") == value(found, "foldline_watermark_bytes") > 400
    free = value(found, "foldline_disk_free_bytes")
    assert 0 < free < value(found, "foldline_disk_size_bytes")
    assert value(found, "process_resident_memory_bytes") > 10_000_000
    assert value(found, "foldline_requests_in_flight") >= 1
    assert value(again, requests, method="GET", route="/metrics", code="200") == 1
    documented = set(re.findall(r"`((?:foldline|process)_\w+)`", DOCUMENT))
    names = {re.sub(r"(?<=seconds)_(bucket|sum|count)$", "", name) for name in found}
    # Blobs are measured once a minute, and told then; quotas are there if somebody has set them.
    quotas = {"foldline_quota_bytes", "foldline_quota_used_bytes"}
    assert names | {"foldline_blobs_bytes"} | quotas == documented


async def _of_a_fake(tmp_path: Path, failure: FoldlineError | None) -> Measures:
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        fake.views.failure = failure
        await client.post("/api/v1/runs/search", json={})
        fake.views.failure = None
        answer = await client.get("/api/v1/metrics")
        return parse(await answer.text())


@pytest.mark.anyio
async def test_failures_are_counted_by_what_was_answered(
    tmp_path: Path, anyio_backend: str
) -> None:
    """A failed answer counts under the status that the caller saw."""
    found = await _of_a_fake(tmp_path, FoldlineError("it broke"))
    asked = {"method": "POST", "route": "/runs/search", "code": "500"}
    assert value(found, "foldline_requests_total", **asked) == 1


@given(st.text(), st.lists(st.floats(0, 100), max_size=30), st.floats(allow_nan=False))
def test_any_label_and_any_number_is_read_back(
    label: str, times: list[float], number: float
) -> None:
    """Quotes, newlines and backslashes of a label, and numbers of any size, survive the text."""
    exposition, histogram = Exposition(), Histogram()
    for time in times:
        histogram.add(time)
    exposition.add("a_total", "counter", "Counts.", ({"said": label}, number))
    exposition.histograms("b_seconds", "Lasts.", [({"said": label}, histogram)])
    found = parse(exposition.text())
    assert value(found, "a_total", said=label) == number
    assert value(found, "b_seconds_count", said=label) == len(times)
    assert value(found, "b_seconds_bucket", said=label, le="+Inf") == len(times)
    assert value(found, "b_seconds_bucket", said=label, le="0.1") == sum(t <= 0.1 for t in times)
