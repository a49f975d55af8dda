"""`trainmaster ci`: check a commit, see the verdicts, install the hook."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import (
    Json,
    Limit,
    ProjectName,
    WorkspaceDir,
    chosen_project,
    current_workspace,
    group,
    opened,
    reading,
)
from app.cli.waiting import run_flow
from app.domain.errors import NotFound, Refused
from app.domain.states import CauseKind

if TYPE_CHECKING:
    from app.store.queries.ci import VerdictRow

commands = group("Check a commit and deliver it as a bundle that automated runs execute.")


@commands.command()
def run(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    commit: Annotated[str, typer.Option(help="The commit: a SHA, branch or tag.")] = "HEAD",
    every: Annotated[bool, typer.Option("--all", help="Every project of the workspace.")] = False,
    here: Annotated[bool, typer.Option("--here", help="In a process of this command, whatever is up.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Ask for the run and do not wait for it.")] = False,
    json: Json = False,
) -> None:
    """Lint, test and rehearse a commit; what passes is delivered. Exit code 1 for a red verdict."""
    from app.services.ci import commit_of
    from app.services.workspaces import project_names
    from app.store.queries import ci

    with opened(workspace) as (place, store):
        names = project_names(place) if every else [chosen_project(place, project)]
        sha = commit_of(place, commit).sha
        shown: list[dict[str, object]] = []
        failure: Refused | None = None
        for name in names:
            try:
                row = run_flow(
                    place, store, name, "ci", {"commit": sha}, cause=CauseKind.COMMIT if detach else CauseKind.PERSON,
                    detach=detach, here=here, quiet=json,
                )  # fmt: skip
            except Refused as error:
                failure = error
            else:
                if detach:
                    shown.append({"run": row.key, "project": name, "commit": sha, "state": row.state})
            if not detach:
                shown += [_document(one) for one in ci.verdicts(store.reader, project=name, commit=sha, limit=1)]
    emit(shown, as_json=json, human=lambda: _print_all(shown))
    if failure is not None:
        raise failure


@commands.command("ls")
def list_verdicts(
    workspace: WorkspaceDir = None, project: ProjectName = None, limit: Limit = 20, json: Json = False
) -> None:
    """List what CI judged, newest first."""
    from app.store.queries import ci

    with reading(workspace) as (_, reader):
        rows = ci.verdicts(reader, project=project, limit=limit)
    emit(
        [_document(row) for row in rows],
        as_json=json,
        human=lambda: table(
            ["commit", "verdict", "project", "stage", "seconds", "when", "author", "subject", "bundle", "run"],
            [
                (
                    row.commit[:10], row.verdict, row.project, row.stage, round(row.duration_s, 1),
                    short_time(row.created_at), row.author, row.subject[:50], (row.bundle or "")[:12], row.run,
                )
                for row in rows
            ],
            empty="no commit was checked yet; check one: trainmaster ci run",
        ),
    )  # fmt: skip


@commands.command()
def show(
    commit: Annotated[str, typer.Argument(help="The commit's SHA, or the beginning of it.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Show the newest verdict on a commit: its stages with seconds and what they said."""
    from app.store.queries import ci, runs

    with reading(workspace) as (_, reader):
        found = ci.verdicts(reader, project=project, commit=commit, limit=1)
        if not found:
            raise NotFound(f"no verdict on commit {commit}", next_step=f"trainmaster ci run --commit {commit}")
        stages = [
            {"stage": task.name, "state": task.state, "duration_s": task.duration_s, "says": task.error or task.says}
            for task in runs.tasks_of(reader, found[0].run)
        ]
    document = {**_document(found[0]), "stages": stages}

    def human() -> None:
        fields({key: value for key, value in document.items() if key != "stages"})
        table(["stage", "state", "seconds", "says"], [tuple(one.values()) for one in stages], empty="no stage")

    emit(document, as_json=json, human=human)


@commands.command("install-hook")
def install_hook_command(workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Write the git hook that asks for a CI run after each commit."""
    from app.services.ci import install_hook

    hook = install_hook(current_workspace(workspace))
    emit({"hook": str(hook)}, as_json=json, human=lambda: print(f"wrote {hook}: each commit is checked"))


@commands.command()
def sample(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """Write a small sample of the data into the project's tests, for a hosted CI that has none."""
    from app.services.ci.sampling import write_committed_sample

    with opened(workspace) as (place, store):
        written = write_committed_sample(store, place, chosen_project(place, project))
    emit(
        {"files": [str(path) for path in written]},
        as_json=json,
        human=lambda: print("\n".join(f"wrote {path}" for path in written)),
    )
    if not json:
        say("  next: look at it (it goes into the repository), git add and commit it")


def _document(row: "VerdictRow") -> dict[str, object]:
    from dataclasses import asdict

    return {key: value for key, value in asdict(row).items() if key != "id"}


def _print_all(shown: list[dict[str, object]]) -> None:
    for one in shown:
        fields(one)
