"""The words of a run, from its state."""

from __future__ import annotations

from ..heads import head
from ..lineblocks import moment
from ..patches import tree
from ..runs import RunState
from ..writers import trainers
from .documents import TEXT_CHARS_MAX, RunWords, param_texts

__all__ = ["words_of"]


def words_of(run: int, uid: str, state: RunState) -> RunWords:
    """Return what a run is found by: what people and the script say of it, and where it ran."""
    shown = head(uid, state)
    notes, _ = state.fields.get("notes", ("", None))
    git = state.git[0] if state.git is not None else None
    trained = trainers(state.writers.values())
    machines = [writer.machine for writer in state.writers.values() if writer.machine]
    return RunWords(
        run,
        moment(shown.created_at),
        uid,
        name=shown.name if shown.name != uid else "",
        experiment=shown.experiment,
        description=shown.description[:TEXT_CHARS_MAX],
        notes=str(notes or "")[:TEXT_CHARS_MAX],
        tags=shown.tags,
        params=param_texts(tree(state.params)),
        git=[text for text in (git.commit, git.branch, git.subject, git.remote) if text]
        if git
        else [],
        hosts=sorted({writer.host for writer in trained if writer.host}),
        user=min((machine.user for machine in machines), default=""),
        command=" ".join(trained[0].command) if trained else "",
        status=shown.status,
    )
