"""A `project.toml` that is wrong says where."""

import pytest

from app.domain.errors import BadInput
from app.domain.problem import MetricName
from app.domain.project import ProjectFile, parse_project

GOOD = """
name = "demo"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "ana"
[problem]
task = "binary"
target = "late"
event_time = "at"
[sources.rows]
path = "data/*.csv"
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
[monitoring.limits]
auc = 0.7
"""


def test_a_whole_file_is_read_with_its_defaults() -> None:
    project = parse_project(GOOD, "project.toml")

    assert project.problem.judged_by is MetricName.AUC
    assert project.monitoring.limits == {MetricName.AUC: 0.7}
    assert project.split.kind == "random"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('goal = "know it sooner"\n', ""), "charter.goal"),
        (('goal = "know it sooner"', 'goal = ""'), "charter.goal"),
        (('task = "binary"', 'task = "clustering"'), "problem.task"),
        (('target = "late"', 'target = "late"\nmetric = "rmse"'), "metric rmse does not fit a binary task"),
        (("auc = 0.7", "auk = 0.7"), "'auk' is not a metric"),
        (("auc = 0.7", "auc = nan"), "finite number"),
        (('name = "demo"', 'name = "../demo"'), "project name"),
        (("[views.facts]", "[views.Facts]"), "view name"),
        (('entity = ["id"]', "entity = []"), "views.facts.entity"),
        (('owner = "ana"', 'owner = "ana"\ncolour = "red"'), "charter.colour"),
        (('owner = "ana"', "owner = "), "line 6"),
        (('event_time = "at"', '[split]\nkind = "time"'), "needs problem.event_time"),
    ],
)
def test_each_mistake_is_named_with_its_place(change: tuple[str, str], says: str) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD

    with pytest.raises(BadInput) as caught:
        parse_project(text, "projects/demo/project.toml")

    assert says in caught.value.message
    assert caught.value.where == "projects/demo/project.toml"
    assert caught.value.next_step


def test_the_digest_follows_the_content_and_not_the_layout() -> None:
    spaced = GOOD.replace("\n[", "\n\n\n[").replace('kpi = "auc"', 'kpi  =  "auc"  # the usual one')
    changed = GOOD.replace("auc = 0.7", "auc = 0.71")

    digests = [parse_project(text, "x").digest for text in (GOOD, spaced, changed)]

    assert digests[0] == digests[1] != digests[2]
    assert isinstance(parse_project(GOOD, "x"), ProjectFile)
