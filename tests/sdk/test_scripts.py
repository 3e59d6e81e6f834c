"""Scripts as other trackers' documents have them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import foldline

# In the manner of Aim's documents, in our words; each begins with Aim's import.
AIM = {
    "quick start": """
        from aim import Run

        run = Run()
        run["hparams"] = {"learning_rate": 0.001, "batch_size": 32}
        for i in range(10):
            run.track(i, name="loss", step=i, context={"subset": "train"})
            run.track(i, name="acc", step=i, context={"subset": "train"})
        assert run["hparams"]["batch_size"] == 32
    """,
    "tracking": """
        import numpy as np
        from aim import Run

        run = Run(experiment="sequences", log_system_params=True, system_tracking_interval=None)
        run["dataset"] = "mnist"
        run["hparams", "optimizer"] = "adam"
        run.set(("hparams", "layers"), [64, 10], strict=False)
        for epoch in range(2):
            for step in range(5):
                run.track(np.float32(step), name="loss", epoch=epoch, context={"subset": "train"})
            run.track({"accuracy": 0.5, "f1": 0.4}, epoch=epoch, context={"subset": "val"})
        run.name = "tracked"
        run.description = "as the documents have it"
        run.add_tag("demo")
        run.remove_tag("demo")
        run.close()
    """,
    "objects": """
        import numpy as np
        from aim import Audio, Distribution, Image, Run, Text

        run = Run()
        noise = np.random.default_rng(0)
        for step in range(3):
            images = [
                Image(noise.integers(0, 255, (8, 8, 3), dtype=np.uint8), caption=f"number {n}")
                for n in range(2)
            ]
            run.track(images, name="generated", step=step, context={"subset": "train"})
            run.track(Text(f"sentence {step}"), name="text", step=step)
            run.track(Distribution(noise.normal(size=100)), name="gradients", step=step)
            run.track(Audio(np.zeros(800, np.int16), rate=8000, format="wav"), name="speech")
        run.close()
        read = Run(run.hash, read_only=True)
        from aim.storage.context import Context

        sequence = read.get_image_sequence("generated", Context({"subset": "train"}))
        assert len(sequence) == 3 and sequence.record_length() == 2
        assert sequence.values[2][1].to_pil_image().size == (8, 8)
        none = Context({})
        assert read.get_text_sequence("text", none).values.last_value().data == "sentence 2"
        assert sum(read.get_distribution_sequence("gradients", none).values[0].weights) == 100
        assert len(read.get_audio_sequence("speech", none)) == 3
    """,
    "continue": """
        from aim import Run

        first = Run(experiment="again")
        first["hparams"] = {"lr": 0.1}
        first.track(1.0, name="loss", step=0)
        first.close()

        run = Run(run_hash=first.hash)
        assert run["hparams", "lr"] == 0.1
        run.track(0.5, name="loss", step=1)
        run["hparams", "lr"] = 0.01
        run.finalize()
    """,
    "query": """
        from aim import Repo, Run

        for lr in (0.1, 0.01):
            run = Run(experiment="sweep")
            run["hparams"] = {"lr": lr}
            for step in range(3):
                run.track(lr * step, name="loss", step=step, context={"subset": "train"})
            run.close()

        repo = Repo.default_repo()
        query = "metric.name == 'loss' and run.hparams.lr > 0.05"
        for collection in repo.query_metrics(query).iter_runs():
            for metric in collection:
                assert metric.run["hparams", "lr"] == 0.1
                steps, values = metric.values.sparse_numpy()
                assert values.tolist() == [0.0, 0.1, 0.2]
                assert metric.epochs is not None and metric.timestamps is not None
        frame = repo.query_metrics(query).dataframe()
        assert frame["value"].max() == 0.2
        assert len(repo.query_runs("run.hparams.lr < 1").dataframe()) == 2
    """,
    "messages": """
        from aim import Run

        run = Run()
        run.report_progress(expect_next_in=5)
        run.log_info("starting")
        run.log_warning("the loss does not fall", loss=3.2)
        run.log_error("it rises")
        run.report_successful_finish()
        run.close()
        found = Run(run.hash, read_only=True).get_log_records()
        assert [record.message for record in found.values] == [
            "starting", "the loss does not fall", "it rises",
        ]
    """,
    "model": """
        import os
        from aim.sdk import Run

        run = Run()
        with open("model.txt", "w") as file:
            file.write("weights")
        run.set_artifacts_uri("file://" + os.path.abspath("kept"))
        run.log_artifact("model.txt", name="model", block=True)
        run.close()
        artifact = Run(run.hash, read_only=True).artifacts["model"]
        with open(os.path.join(artifact.download("there"), "model.txt")) as file:
            assert file.read() == "weights"
    """,
}

# In the manner of W&B's documents, in our words.
WANDB = {
    "quick start": """
        import random
        import wandb

        wandb.init(project="first", config={"learning_rate": 0.02, "epochs": 3})
        for epoch in range(wandb.config.epochs):
            wandb.log({"acc": 1 - 2**-epoch, "loss": 2**-epoch})
        wandb.finish()
    """,
    "with a run": """
        import wandb

        with wandb.init(project="p", name="n", tags=["x"], mode="offline", group="g") as run:
            run.config.update({"lr": 0.1, "model": {"depth": 3}})
            run.define_metric("epoch")
            run.define_metric("val/*", step_metric="epoch", summary="max")
            for epoch in range(3):
                run.log({"epoch": epoch}, commit=False)
                run.log({"val/acc": [0.3, 0.9, 0.6][epoch]})
            run.summary["note"] = "best in the middle"
            assert run.summary["val/acc"] == {"max": 0.9}
            run.alert(title="done", text="look", level=wandb.AlertLevel.INFO)
        assert wandb.run is None
    """,
    "media": """
        import numpy as np
        import wandb

        run = wandb.init(project="media")
        table = wandb.Table(columns=["id", "text"], data=[[1, "a"], [2, "b"]])
        black = np.zeros((4, 4, 3), np.uint8)
        wandb.log({
            "examples": [wandb.Image(black, caption=str(n)) for n in (1, 2)],
            "table": table,
            "html": wandb.Html("<b>x</b>"),
            "loss": 0.5,
        })
        artifact = wandb.Artifact("data", type="dataset")
        with open("data.csv", "w") as file:
            file.write("a,b")
        artifact.add_file("data.csv")
        run.log_artifact(artifact)
        wandb.save("*.csv")
        wandb.finish()
    """,
}


@pytest.mark.parametrize("name", AIM)
def test_a_script_of_aim_runs(name: str, tmp_path: Path) -> None:
    """A script from Aim's documents runs after `s/from aim/from foldline/`, without a warning."""
    script = dedent(AIM[name]).replace("from aim", "from foldline")
    run_script(script, tmp_path)
    assert foldline.open(tmp_path / ".foldline").runs().total >= 1
    assert {run.status for run in foldline.open(tmp_path / ".foldline").runs()} == {"finished"}


@pytest.mark.parametrize("name", WANDB)
def test_a_script_of_wandb_runs(name: str, tmp_path: Path) -> None:
    """A script in W&B's manner runs after `import foldline as wandb`, without a warning."""
    script = dedent(WANDB[name]).replace("import wandb", "import foldline as wandb")
    run_script(script, tmp_path)
    (run,) = foldline.open(tmp_path / ".foldline").runs()
    assert run.status == "finished" and run.metrics


def run_script(script: str, folder: Path) -> None:
    """Run a script in a folder of its own, where a store begins; a warning of ours fails it."""
    file = folder / "train.py"
    file.write_text(script)
    names = ("FOLDLINE_STORE", "FOLDLINE_MODE")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "FoldlineWarning" not in done.stderr, done.stderr
