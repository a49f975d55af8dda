"""`trainmaster data contract` and `data agree`: what a source must hold, who signed it, and what broke it."""

from typing import Annotated

import typer

from app.cli.render import emit, fields, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened
from app.domain.roles import Role


def contract(
    source: Annotated[str, typer.Argument(help="The source.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Show the data requirement of a source: fields, rules, limits, privacy, signatures, and rows that broke a rule."""
    from app.services import data
    from app.services.workspaces import open_project
    from app.store.queries.data import counts_by_rule
    from app.store.queries.profiles import rules_in_words
    from app.store.queries.tickets import signatures

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        declared = data.declared_source(there, source)
        agreed = data.agreement_of(store, there, source)
        signed = signatures(store.reader, project=there.name, source=source)
        broken = {one.rule: one for one in counts_by_rule(store.reader, project=there.name, source=source)}
    columns = [
        {
            "column": name,
            **rule.model_dump(),
            "broken": sum(one.rows for key, one in broken.items() if key.rpartition(".")[0] == name),
            "open": sum(one.open for key, one in broken.items() if key.rpartition(".")[0] == name),
        }
        for name, rule in declared.columns.items()
    ]
    problem = there.file.problem
    whole: dict[str, object] = {
        "source": source,
        "digest": agreed.digest,
        "agreed": agreed.is_agreed,
        "sign_off": declared.sign_off,
        "entity": problem.entity,
        "slices": problem.slices,
        "protected": [name for name, rule in declared.columns.items() if rule.privacy == "protected"],
        "unique_key": declared.unique_key,
        "time": declared.time,
        "max_age_hours": declared.max_age_hours,
        "minimum_rows": declared.minimum_rows,
        "minimum_batch_rows": declared.minimum_batch_rows,
        "maximum_batch_rows": declared.maximum_batch_rows,
        "max_quarantined_share": declared.max_quarantined_share,
    }

    def human() -> None:
        shown = {name: ", ".join(map(str, v)) if isinstance(v, list | tuple) else v for name, v in whole.items()}
        fields(shown)
        print()
        table(
            ["column", "type", "rules", "privacy", "broken", "open"],
            [
                (one["column"], one["type"], rules_in_words(one), one["privacy"], one["broken"], one["open"])
                for one in columns
            ],
            empty="it names no column",
        )
        say(agreed.says)

    emit({**whole, "columns": columns, "signatures": signed}, as_json=json, human=human)


def agree(
    source: Annotated[str, typer.Argument(help="The source.")],
    role: Annotated[Role, typer.Option("--role", help="The role that signs: R1 to R7.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit log.")] = "",
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Sign the data requirement of a source for a role; two people make it agreed, a change of it asks again."""
    from app.services import data
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        done = data.agree(store, there, source, role, by=actor(), reason=reason)
    emit({**done.__dict__, "agreed": done.is_agreed}, as_json=json, human=lambda: say(done.says))
