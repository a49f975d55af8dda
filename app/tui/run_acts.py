"""What the screens of runs ask services to do: pin, note, tag, archive, run again with other parameters."""

from collections.abc import Callable, Mapping

from app.tui.acts import Acts


def pin(acts: Acts, key: str) -> Callable[[], str]:
    """The act that pins a run as the baseline."""

    def work() -> str:
        from app.services import runs, workspaces

        return runs.pin_baseline(acts.open_store(), key, by=workspaces.actor()).says

    return work


def note(acts: Acts, key: str, says: str) -> Callable[[], str]:
    """The act that adds a note to a run."""

    def work() -> str:
        from app.services import runs, workspaces

        return runs.note(acts.open_store(), key, says, by=workspaces.actor()).says

    return work


def tag(acts: Acts, key: str, tags: Mapping[str, str], remove: tuple[str, ...] = ()) -> Callable[[], str]:
    """The act that puts tags on a run, and takes others away."""

    def work() -> str:
        from app.services import runs, workspaces

        return runs.tag(acts.open_store(), key, tags, remove=remove, by=workspaces.actor()).says

    return work


def archive(acts: Acts, keys: tuple[str, ...], *, back: bool = False) -> Callable[[], str]:
    """The act that puts runs into the archive, or gets them back."""

    def work() -> str:
        from app.services import runs, workspaces

        done = runs.archive(acts.open_store(), keys, back=back, by=workspaces.actor(), reason="from the control room")
        return "; ".join(one.says for one in done)

    return work


def again_with(acts: Acts, key: str, parameters: Mapping[str, object]) -> Callable[[], str]:
    """The act that asks for the same run with other parameters; gives the new run's key."""

    def work() -> str:
        from app.store.queries.runs import run_detail

        detail = run_detail(acts.open_store().reader, key)
        asked = acts.request(
            detail.row.project, detail.row.flow, parameters=dict(parameters), cause="person", cause_key=detail.row.key
        )
        return asked()

    return work


__all__ = ["again_with", "archive", "note", "pin", "tag"]
