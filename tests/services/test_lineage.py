"""Lineage from any name of a thing to everything it came from."""

import pytest

from app.domain.errors import NotFound, Usage
from app.domain.ids import Ref
from app.services.lineage import lineage, resolve
from app.store.engine import Store
from app.store.lineage import link
from tests.store.world import BEGIN, make_world


def test_the_production_model_reaches_snapshot_digests_and_the_commit(store: Store) -> None:
    world = make_world(store)

    found = lineage(store, Ref.parse(f"model:{world.project}@production"))

    nodes = {node.id: node for node in found.nodes}
    assert found.centre == f"model:{world.project}/1"
    assert len(nodes[f"snapshot:{world.snapshots['flights']}"].digest or "") == 64
    assert nodes[f"commit:{world.commit}"].digest == world.commit
    assert nodes[f"run:{world.runs['train']}"].label.startswith("train run")
    assert nodes[f"source:{world.project}/flights"].depth == -4


def test_an_alert_reaches_the_model_that_it_caused(store: Store) -> None:
    world = make_world(store)

    found = lineage(store, Ref("alert", world.alert[:4]))

    assert f"model:{world.project}/2" in {node.id for node in found.nodes}
    assert f"model:{world.project}/1" in {node.id for node in found.nodes}


def test_the_json_has_the_keys_that_programs_rely_on(store: Store) -> None:
    world = make_world(store)

    plain = lineage(store, Ref("model", f"{world.project}/2")).as_json()

    assert set(plain) == {"nodes", "edges"}
    assert set(plain["nodes"][0]) == {"id", "kind", "label", "digest"}
    assert set(plain["edges"][0]) == {"from", "to", "kind"}
    ids = {node["id"] for node in plain["nodes"]}
    assert all(edge["from"] in ids and edge["to"] in ids for edge in plain["edges"])


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        ("model:flight-delay", "model:flight-delay/2"),
        ("model:flight-delay@staging", "model:flight-delay/2"),
        ("model:flight-delay/v1", "model:flight-delay/1"),
        ("features:flight-delay", "features:flight-delay/v1"),
        ("features:flight-delay/v1", "features:flight-delay/v1"),
        ("deployment:flight-delay@active", "deployment:dddddddddddd"),
        ("commit:c0ffee", "commit:c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeeabcd"),
        ("source:flight-delay/weather", "source:flight-delay/weather"),
    ],
)
def test_names_of_things_are_resolved(store: Store, asked: str, resolved: str) -> None:
    make_world(store)

    assert str(resolve(store.reader, Ref.parse(asked))) == resolved


@pytest.mark.parametrize(
    "asked", ["model:nope", "model:flight-delay/9", "model:flight-delay/x", "run:zz", "source:a/b", "features:x@y"]
)
def test_a_thing_that_is_not_there_is_not_found(store: Store, asked: str) -> None:
    make_world(store)

    with pytest.raises(NotFound, match="there is no"):
        lineage(store, Ref.parse(asked))


def test_an_unknown_kind_is_a_wrong_command(store: Store) -> None:
    with pytest.raises(Usage, match="no kind of thing"):
        lineage(store, Ref("planet", "mars"))


def test_a_beginning_that_two_keys_share_is_refused(store: Store) -> None:
    make_world(store)

    with pytest.raises(NotFound, match="more than one snapshot"):
        lineage(store, Ref("snapshot", "0000"))


def test_a_circle_ends(store: Store) -> None:
    with store.write() as session:
        a, b = Ref("rules", "a"), Ref("rules", "b")
        link(session, [(a, b, "x"), (b, a, "x")], now=BEGIN)

    found = lineage(store, Ref("rules", "a"))

    assert len(found.nodes) == 2
    assert len(found.edges) == 2
