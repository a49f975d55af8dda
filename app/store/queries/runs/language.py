"""What can be asked about runs: the keys, shelves and words of the filter language, and the sorts."""

from app.store.queries.filter import Field, Filter, Kind, Language, Shelf, compile_filter

RunFilter = Filter

LANGUAGE = Language(
    fields={
        "run": Field("r.key", Kind.PREFIX, indexed="{}"),
        "flow": Field("r.flow", Kind.WORD, indexed="{}"),
        "project": Field(
            "name",
            Kind.WORD,
            within="(r.project_id + 0) IN (SELECT id FROM project WHERE {})",
            indexed="r.project_id IN (SELECT id FROM project WHERE {})",
        ),
        "state": Field("r.state", Kind.WORD, indexed="{}"),
        "cause": Field("r.cause", Kind.WORD),
        "by": Field("r.requested_by", Kind.EXACT, indexed="{}"),
        "commit": Field('r."commit"', Kind.PREFIX, indexed="{}"),
        "error": Field("r.error"),
        "duration": Field("r.duration_s", Kind.SECONDS, indexed="{}"),
        "seed": Field("r.seed", Kind.NUMBER),
        "requested": Field("r.requested_at", Kind.TIME, indexed="{}"),
        "started": Field("r.started_at", Kind.TIME, indexed="{}"),
        "finished": Field("r.finished_at", Kind.TIME, indexed="{}"),
        "tag": Field(
            "key",
            Kind.EXACT,
            within="EXISTS (SELECT 1 FROM run_tag WHERE run_id = r.id AND {})",
            indexed="r.id IN (SELECT run_id FROM run_tag WHERE {})",
        ),
        "note": Field("says", within="EXISTS (SELECT 1 FROM run_note WHERE run_id = r.id AND {})"),
    },
    words=(
        "r.key",
        "r.flow",
        "(SELECT name FROM project WHERE id = r.project_id)",
        "r.state",
        "r.requested_by",
        "r.cause",
        "r.cause_key",
        "r.error",
    ),
    shelves=(
        Shelf(
            ("metrics", "metric", "m"),
            "EXISTS (SELECT 1 FROM metric WHERE run_id = r.id AND key = {name} AND {test})",
            "SELECT run_id AS id FROM metric WHERE key = {name} AND {test}",
            number="value",
        ),
        Shelf(
            ("params", "param", "parameters", "p"),
            "EXISTS (SELECT 1 FROM parameter WHERE run_id = r.id AND key = {name} AND {test})",
            "SELECT run_id AS id FROM parameter WHERE key = {name} AND {test}",
            number="number",
            text="value",
            plain="number IS NULL AND length(value) <= 200",
        ),
        Shelf(
            ("tags", "t"),
            "EXISTS (SELECT 1 FROM run_tag WHERE run_id = r.id AND key = {name} AND {test})",
            "SELECT run_id AS id FROM run_tag WHERE key = {name} AND {test}",
            text="value",
        ),
    ),
    ids="SELECT r.id AS id FROM run r WHERE {test}",
    flags={"archived": "r.archived_at IS NOT NULL", "dirty": "coalesce(r.dirty, FALSE)"},
)
"""What can be asked about runs; a run that is archived is left out unless `archived` is asked for."""


def run_filter(text: str) -> RunFilter:
    """Compile a filter over runs: `flow:train state:failed`, `metrics.auc > .72 and params.learner = lightgbm`.

    Raises Usage that names the position of what is wrong.
    """
    return compile_filter(text, LANGUAGE)


def sort_of(text: str) -> tuple[str, bool]:
    """A sort as a person writes it: its column, and whether it descends (`-` before it).

    >>> sort_of("-metrics.auc"), sort_of("started")
    (('metrics.auc', True), ('started', False))
    """
    return text.removeprefix("-"), text.startswith("-")
