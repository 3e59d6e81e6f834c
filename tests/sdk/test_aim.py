"""Aim's SDK by its own names."""

from __future__ import annotations

import inspect
import math
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldline
from foldline import Context, Repo, Run
from foldline.errors import FoldlineWarning, QueryError, StoreNotFound, Unsupported, ValueRejected
from foldline.storage.context import Context as ContextByAimsPath
from foldline_views.sequences import Sequences

# The public members of Aim 3.29.1, as `dir` lists them there, and the parameters of each call.
AIMS_RUN = {
    "active": None,
    "add_tag": ["value"],
    "archived": None,
    "artifacts": None,
    "artifacts_uri": None,
    "check_metrics_version": [],
    "close": [],
    "collect_sequence_info": ["sequence_types", "skip_last_value"],
    "created_at": None,
    "creation_time": None,
    "dataframe": ["include_props", "include_params"],
    "description": None,
    "duration": None,
    "end_time": None,
    "experiment": None,
    "finalized_at": None,
    "get": ["key", "default", "strict", "resolve_objects"],
    "get_audio_sequence": ["name", "context"],
    "get_distribution_sequence": ["name", "context"],
    "get_figure_sequence": ["name", "context"],
    "get_image_sequence": ["name", "context"],
    "get_log_records": [],
    "get_metric": ["name", "context"],
    "get_terminal_logs": [],
    "get_text_sequence": ["name", "context"],
    "hash": None,
    "idx_to_ctx": ["idx"],
    "iter_metrics_info": [],
    "iter_sequence_info_by_type": ["dtypes"],
    "log_artifact": ["path", "name", "block"],
    "log_artifacts": ["path", "name", "block"],
    "log_debug": ["msg", "params"],
    "log_error": ["msg", "params"],
    "log_info": ["msg", "params"],
    "log_warning": ["msg", "params"],
    "metrics": [],
    "name": None,
    "props": None,
    "remove_tag": ["tag_name"],
    "report_progress": ["expect_next_in", "block"],
    "report_successful_finish": ["block"],
    "series_run_trees": None,
    "set": ["key", "val", "strict"],
    "set_artifacts_uri": ["uri"],
    "tags": None,
    "track": ["value", "name", "step", "epoch", "context"],
    "update_metrics": [],
}
AIMS_CONSTRUCTOR = [
    "run_hash",
    "repo",
    "read_only",
    "experiment",
    "force_resume",
    "system_tracking_interval",
    "log_system_params",
    "capture_terminal_logs",
]
AIMS_REPO = {
    "check_repo_status",
    "close",
    "collect_params_info",
    "collect_sequence_info",
    "copy_runs",
    "default_repo",
    "default_repo_path",
    "delete_experiment",
    "delete_run",
    "delete_runs",
    "exists",
    "from_path",
    "get_run",
    "get_version",
    "is_index_corrupted",
    "is_remote_path",
    "is_remote_repo",
    "iter_runs",
    "iter_runs_from_cache",
    "list_active_runs",
    "list_all_runs",
    "list_corrupted_runs",
    "move_runs",
    "prune",
    "query_audios",
    "query_distributions",
    "query_figure_objects",
    "query_images",
    "query_metrics",
    "query_runs",
    "query_texts",
    "rm",
    "run_exists",
    "total_runs_count",
}
# What stands for them by position, where ours has another name for it.
RENAMED = {"add_tag": "tags", "remove_tag": "tags", "set": "value"}


def test_every_member_of_aims_run_is_there() -> None:
    """Each public member of Aim's Run exists here, and takes each parameter by Aim's name."""
    for name, parameters in AIMS_RUN.items():
        assert hasattr(Run, name), name
        if parameters is None:
            continue
        ours = inspect.signature(getattr(Run, name)).parameters
        positional = RENAMED.get(name)
        missing = [p for p in parameters if p not in ours and positional not in ours]
        assert missing == [], f"{name}: {missing}"


def test_aims_constructor_is_ours_too() -> None:
    """Each keyword of Aim's `Run(...)` is one of ours."""
    ours = inspect.signature(Run.__init__).parameters
    assert [word for word in AIMS_CONSTRUCTOR if word not in ours] == []


def test_every_member_of_aims_repo_is_there() -> None:
    """Each public member of Aim's Repo exists here, if only to say what does the same."""
    assert [name for name in sorted(AIMS_REPO) if not hasattr(Repo, name)] == []


@pytest.fixture
def run(store: Path) -> Run:
    """A run with two series, epochs, params, tags and messages."""
    run = Run(experiment="digits")
    run["hparams"] = {"lr": 0.1, "layers": [8, 4], "opt": {"name": "sgd"}}
    run.add_tag("baseline")
    for step in range(6):
        run.track(6.0 - step, name="loss", step=step, epoch=step // 2, context={"subset": "train"})
        run.track({"accuracy": step / 10}, step=step, context={"subset": "val"})
    return run


def test_a_series_reads_as_aims_metric(run: Run) -> None:
    """Values, epochs, times and steps of a metric, in every form that Aim's reader gives."""
    metric = run.get_metric("loss", Context({"subset": "train"}))
    assert metric is not None
    assert (metric.name, metric.context["subset"], metric.run) == ("loss", "train", run)
    assert len(metric) == 6 and bool(metric)
    assert (metric.first_step(), metric.last_step()) == (0, 5)
    values = metric.values
    assert values.values_list() == list(values) == values.tolist() == [6, 5, 4, 3, 2, 1]
    assert (values[2], values.first(), values.last()) == (4.0, (0, 6.0), (5, 1.0))
    assert (values.first_idx(), values.first_value()) == (0, 6.0)
    assert (values.last_idx(), values.last_value()) == (5, 1.0)
    assert list(values.items())[1] == (1, 5.0) and list(values.keys()) == list(values.indices())
    steps, numbers = values.sparse_numpy()
    assert steps.tolist() == [0, 1, 2, 3, 4, 5] and numbers.dtype == np.float64
    assert values.sparse_list() == (values.indices_list(), values.values_list())
    assert metric.epochs.values_list() == [0, 0, 1, 1, 2, 2]
    assert metric.timestamps.values_numpy().shape == (6,)
    assert metric.steps.tolist() == steps.tolist()
    with pytest.raises(KeyError):
        _ = values[99]


def test_columns_side_by_side(run: Run) -> None:
    """`data` has all columns at once, some of them, a range of steps, or a sample."""
    metric = run.get_metric("loss", {"subset": "train"})
    assert metric is not None
    steps, (values, epochs, times) = metric.data.numpy()
    assert steps.tolist() == [0, 1, 2, 3, 4, 5] and values.tolist() == [6, 5, 4, 3, 2, 1]
    assert epochs.tolist() == [0, 0, 1, 1, 2, 2] and len(times) == 6
    assert metric.data.view("val").range(1, 3).items_list() == ([1, 2], [[5.0, 4.0]])
    assert metric.data.view(["epoch", "val"]).range(5, 9).values_list() == [[1.0], [2.0]]
    assert metric.data.view("val").sample(2).items_list() == ([0, 3, 5], [[6.0, 3.0, 1.0]])
    assert next(iter(metric.data.view("val"))) == (0, (6.0,))
    assert list(metric.data.view("val").values()) == [(v,) for v in values]


def test_a_series_that_is_not_there_is_none(run: Run) -> None:
    """Name and context have to be exactly those."""
    assert run.get_metric("loss") is None
    assert run.get_metric("nothing", Context({})) is None
    assert run.get_image_sequence("loss", Context({"subset": "train"})) is None


def test_contexts_compare_as_what_they_hold() -> None:
    """A Context is a dict that can be a key; order is nothing, types are."""
    one, same = Context({"a": 1, "b": "x"}), Context({"b": "x", "a": 1})
    assert one == same and hash(one) == hash(same) and {one: 5}[same] == 5
    assert one.to_dict() == {"a": 1, "b": "x"} and one["a"] == 1 and one.idx == same.idx
    assert hash(Context({"a": 1})) != hash(Context({"a": True}))
    assert ContextByAimsPath is Context


def test_a_context_object_tracks(store: Path) -> None:
    """`track` takes a Context where it takes a dict."""
    run = Run()
    run.track(1.0, name="a", context=Context({"subset": "val"}))
    run.track(2.0, name="a", context={"subset": "val"})
    metric = run.get_metric("a", Context({"subset": "val"}))
    assert metric is not None and metric.values.values_list() == [1.0, 2.0]


def test_sequences_are_listed(run: Run) -> None:
    """A run tells what it has, by collection or type, with or without the last values."""
    told = [(name, context.to_dict(), of) for name, context, of in run.iter_metrics_info()]
    assert told == [
        ("accuracy", {"subset": "val"}, run),
        ("loss", {"subset": "train"}, run),
    ]
    assert [one.name for one in run.metrics()] == ["accuracy", "loss"]
    assert len(list(run.iter_sequence_info_by_type(("float", "int")))) == 2
    info = run.collect_sequence_info(("metric", "images"))
    assert info["images"] == [] and info["metric"][1]["values"] == {
        "dtype": "float", "first_step": 0, "last_step": 5, "last": 1.0,
    }  # fmt: skip
    assert run.collect_sequence_info("metric", skip_last_value=True)["metric"][0] == {
        "context": {"subset": "val"}, "name": "accuracy",
    }  # fmt: skip
    with pytest.raises(ValueRejected, match="smells"):
        run.collect_sequence_info("smells")


def test_times_of_a_run(run: Run) -> None:
    """When it began, how long it has taken, whether it goes on; and then, when it ended."""
    before = run.active, run.end_time, run.finalized_at
    assert before == (True, None, None)
    assert 0 <= run.duration < 60
    now = datetime.now(UTC).replace(tzinfo=None)
    assert abs((now - run.created_at).total_seconds()) < 60
    run.close()
    assert not run.active
    assert run.end_time is not None
    assert run.finalized_at is not None and run.finalized_at >= run.created_at
    assert run.duration == pytest.approx(run.end_time - run.creation_time)


def test_tables_of_a_run(run: Run) -> None:
    """Runs and series as pandas frames, with Aim's columns."""
    row = run.dataframe()
    assert len(row) == 1 and row["hash"][0] == run.hash and row["experiment"][0] == "digits"
    assert row["hparams.opt.name"][0] == "sgd" and row["hparams.layers"][0] == "[8, 4]"
    assert list(run.dataframe(include_props=False, include_params=False).columns) == ["hash"]
    metric = run.get_metric("loss", {"subset": "train"})
    assert metric is not None
    frame = metric.dataframe(include_name=True, include_context=True, include_run=True)
    assert list(frame.columns[:5]) == ["idx", "step", "value", "epoch", "time"]
    assert frame["value"].tolist() == [6, 5, 4, 3, 2, 1]
    assert set(frame["metric.context.subset"]) == {"train"}
    assert set(frame["run.hparams.lr"]) == {0.1} and set(frame["run.hash"]) == {run.hash}
    assert metric.dataframe(only_last=True)["step"].tolist() == [5]
    whole = run.metrics().dataframe(only_last=True)
    assert whole is not None and len(whole) == 2


def test_a_joined_run_has_what_others_set(run: Run) -> None:
    """Params, words and tags that another process set are read, and may be built upon."""
    run.name, run.description = "one", "two"
    run.archived = True
    run.close()
    joined = Run(run.hash)
    assert joined["hparams", "lr"] == 0.1 and joined["hparams"]["opt"] == {"name": "sgd"}
    assert (joined.name, joined.description, joined.archived) == ("one", "two", True)
    assert joined.tags == ["baseline"] and joined.experiment == "digits"
    joined["hparams", "lr"] = 0.2
    joined.tags = ["better"]
    assert joined[...]["hparams"] == {"lr": 0.2, "layers": [8, 4], "opt": {"name": "sgd"}}
    assert joined.tags == ["better"] and "hparams" in joined and joined.get("none", 1) == 1
    joined.close()
    assert foldline.open().runs("run.archived").total == 1
    assert foldline.open().runs("run.archived")[0].tags == ["better"]


def test_what_was_set_before_the_first_look_stays(run: Run) -> None:
    """A joined run that sets first and reads then has both: its own on top."""
    run.close()
    joined = Run(run.hash)
    joined["hparams", "lr"] = 0.5
    joined["api_token"] = "abc"  # which the log masks, and the script may read
    assert joined["hparams"] == {"lr": 0.5, "layers": [8, 4], "opt": {"name": "sgd"}}
    assert joined["api_token"] == "abc"


def test_a_run_that_is_read_only(run: Run) -> None:
    """It reads everything, and keeps nothing: one notice says so."""
    run.close()
    read = Run(run.hash, read_only=True)
    assert read["hparams", "lr"] == 0.1 and read.tags == ["baseline"] and not read.active
    assert read.props.experiment == "digits" and read.end_time == run.end_time
    with pytest.warns(FoldlineWarning, match="read_only=True"):
        read["x"] = 1
    with warnings.catch_warnings(record=True) as more:
        warnings.simplefilter("always")
        read.track(1.0, name="x")
        read.name = "other"
        read.log_info("x")
    assert more == []
    metric = read.get_metric("loss", {"subset": "train"})
    assert metric is not None and len(metric) == 6
    assert foldline.open().runs()[0].params == run[...]


def test_a_run_that_is_not_there_is_nothing(run: Run) -> None:
    """Read only, it neither goes on nor has begun; one warning says that it is not there."""
    with pytest.warns(FoldlineWarning, match="no run 'nope'"):
        none = Run("nope", read_only=True)
    assert not none.active and none.creation_time == 0 and none.duration == 0
    assert none.end_time is None and none.tags == [] and list(none.metrics()) == []
    assert not none.dataframe()["active"][0]


def test_a_run_of_no_experiment_is_of_the_default_one(store: Path) -> None:
    """It reads back the same in the training, when it is read, and in its store."""
    with Run() as run:
        assert (run.experiment, run.project) == ("default", "default")
    assert Run(run.id, read_only=True).experiment == "default"
    assert foldline.open(store).run(run.id).experiment == "default"


def test_series_of_the_machine_are_apart(store: Path) -> None:
    """What a script tracked is in `metrics`, what was captured in `system`; a query finds both."""
    with Run() as run:
        run.track({"loss": 1.0, "__system__/cpu_percent": 50.0})
    assert [one.name for one in run.metrics()] == ["loss"]
    assert [one.name for one in run.system()] == ["__system__/cpu_percent"]
    assert run.get_metric("__system__/cpu_percent") is not None and len(run.sequences()) == 2
    stored = foldline.open(store).run(run.id)
    assert [one.name for one in stored.metrics] == ["loss"]
    assert [one.name for one in stored.system] == ["__system__/cpu_percent"]
    assert stored.record()["metrics.__system__/cpu_percent"] == 50
    assert len(Repo(store).query_metrics()) == len(foldline.open(store).series()) == 2


def test_sequences_say_what_they_are(run: Run) -> None:
    """In a prompt they are told as a list is, and have a length."""
    found = run.metrics()
    assert len(found) == 2 and repr(found).startswith("<Sequences: <Metric accuracy {")
    (mine,) = found.iter_runs()
    assert len(mine) == 2 and not Sequences(list)


def test_what_means_nothing_here_says_what_does(run: Run, store: Path) -> None:
    """Members of Aim's own storage raise with the alternative."""
    with pytest.raises(Unsupported, match=r"run\.metrics"):
        run.idx_to_ctx(5)
    with pytest.raises(Unsupported, match="get_metric"):
        _ = run.series_run_trees
    assert run.check_metrics_version() is False
    run.update_metrics()
    repo = Repo(store)
    for name in ("delete_run", "delete_runs", "delete_experiment", "copy_runs", "move_runs"):
        with pytest.raises(Unsupported, match=name):
            getattr(repo, name)("x")
    with pytest.raises(Unsupported, match="verify"):
        repo.list_corrupted_runs()


# ---------------------------------------------------------------------------------------- Repo


def test_a_repo_lists_runs(run: Run, store: Path) -> None:
    """A repo knows its runs by id, archived ones and those that go on among them."""
    other = Run(experiment="other")
    other.archived = True
    other.close()
    repo = Repo(str(store))
    assert repo.list_all_runs() == [other.hash, run.hash] and repo.total_runs_count() == 2
    assert repo.list_active_runs() == [run.hash]
    assert repo.run_exists(run.hash) and not repo.run_exists("nothing")
    found = repo.get_run(run.hash)
    assert found is not None and found["hparams", "lr"] == 0.1 and found.hash == run.hash
    assert repo.get_run("nothing") is None
    assert [one.hash for one in repo.iter_runs()] == repo.list_all_runs()
    assert repo.collect_params_info()["hparams"]["opt"] == {"name": "sgd"}
    assert repo.collect_sequence_info(("metric",))["metric"]["loss"] == [{"subset": "train"}]
    repo.close()


def test_a_repo_is_a_folder(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store, or the folder around `.foldline`; without either StoreNotFound, unless made."""
    with pytest.raises(StoreNotFound):
        Repo(tmp_path / "none")
    assert not Repo.exists(tmp_path / "none")
    made = Repo.from_path(tmp_path / "around" / ".foldline", init=True)
    assert Repo(tmp_path / "around").path == made.path and Repo.exists(tmp_path / "around")
    run = Run(repo=made, experiment="e")
    run.close()
    assert made.total_runs_count() == 1 and Repo(tmp_path / "around").list_all_runs() == [run.hash]
    monkeypatch.setenv("FOLDLINE_STORE", made.path)
    assert Repo.default_repo().path == Repo.default_repo_path() == made.path
    assert Repo.is_remote_path("aim://host:1") and not made.is_remote_repo


def test_a_repo_answers_queries(run: Run, store: Path) -> None:
    """Runs and series by the query language, each with its run."""
    Run(experiment="other").close()
    repo = Repo(store)
    found = list(repo.query_runs('run.hparams.lr == 0.1 and "baseline" in run.tags').iter_runs())
    assert [one.run.hash for one in found] == [run.hash]
    assert [one.name for one in found[0]] == ["accuracy", "loss"]
    frame = repo.query_runs().dataframe(include_props=True, include_params=False)
    assert frame is not None and set(frame["experiment"]) == {"other", "digits"}
    series = repo.query_metrics('metric.name == "loss" and metric.context.subset == "train"')
    assert [len(one) for one in series] == [6]
    assert [one.run.hash for one in series.iter()] == [run.hash]
    (together,) = repo.query_metrics("metric.last < 100").iter_runs()
    assert together.run is not None and together.run.hash == run.hash
    assert {one.name for one in together} == {"accuracy", "loss"}
    table = series.dataframe()
    assert table is not None and math.isclose(table["value"].sum(), 21)
    assert repo.query_metrics('metric.name == "none"').dataframe() is None
    with pytest.raises(QueryError):
        repo.query_metrics("metric.name = 3")
    first = repo.query_runs(offset=repo.list_all_runs()[0])
    assert [one.run.hash for one in first.iter_runs()] == [run.hash]


def test_a_repo_finds_other_sequences(run: Run, store: Path) -> None:
    """Texts and distributions by name, context and what is known of their runs."""
    other = Run(experiment="other")
    for one in (run, other):
        for step in range(2):
            one.track(
                foldline.Text(f"images.name {step}"), name="answer", step=step,
                context={"subset": "val"},
            )  # fmt: skip
        one.track(foldline.Distribution([1.0, 2.0]), name="weights", step=0)
        one.flush()
    repo = Repo(store)

    def found(sequences: Any) -> list[tuple[str, str]]:
        return [(one.run.hash, one.name) for one in sequences]

    both = [(other.hash, "answer"), (run.hash, "answer")]
    assert found(repo.query_texts()) == both
    assert found(repo.query_texts('texts.name == "answer"')) == both
    assert found(repo.query_texts('texts.context.subset == "val"')) == both
    assert found(repo.query_texts('texts.name == "texts"')) == []
    assert found(repo.query_texts('run.experiment == "digits"')) == [both[1]]
    assert found(repo.query_texts('run.metrics["loss", {"subset": "train"}].last == 1')) == [
        both[1]
    ]
    assert found(repo.query_distributions('distributions.name == "weights"')) == [
        (other.hash, "weights"), (run.hash, "weights"),
    ]  # fmt: skip
    assert found(repo.query_images()) == []
    texts = next(iter(repo.query_texts('run.experiment == "digits"')))
    assert [text.data for text in texts.values] == ["images.name 0", "images.name 1"]
    with pytest.raises(QueryError):
        repo.query_texts("texts.name ==")
