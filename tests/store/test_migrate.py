"""The schema: made by revisions only, under a lock, after a backup, all of it or nothing."""

import multiprocessing
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import app.store.migrations as migrations
from app.domain.errors import Damaged, Refused
from app.store.engine import Store
from app.store.migrate import migrate, revision_of
from app.store.migrations import HEAD, REVISIONS
from app.store.tables import metadata

NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
def upgrade():
    op.create_table("extra", sa.Column("id", sa.Integer, primary_key=True))
    {body}
"""


def schema_of(file: Path) -> dict[str, str]:
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: _sorted_clauses(sql) for name, sql in rows if name != "alembic_version"}


def _sorted_clauses(sql: str) -> str:
    """The statement with its clauses in order: a table's constraints may come in any."""
    text = re.sub(r"\s+", " ", sql).replace(" )", ")").replace("( ", "(").replace('"', "")
    head, _, rest = text.partition("(")
    body, _, tail = rest.rpartition(")")
    clauses = re.split(r", (?![^(]*\))", body)
    return f"{head.strip()}({', '.join(sorted(clauses))}){tail}"


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives the application one revision more, with some body."""
    import shutil

    import app.store.migrate as module

    def give(body: str) -> None:
        folder = tmp_path / "floor" / "migrations" / "versions"
        shutil.copytree(Path(migrations.__file__).parent / "versions", folder, dirs_exist_ok=True)
        (folder / "rev_9999.py").write_text(NEXT_REVISION.format(body=body, head=HEAD))
        monkeypatch.setattr(module, "__file__", str(tmp_path / "floor" / "migrate.py"))
        monkeypatch.setattr(module, "HEAD", "9999")
        monkeypatch.setattr(module, "REVISIONS", (*REVISIONS, "9999"))

    return give


def test_the_revisions_make_exactly_the_tables_that_the_code_declares(store: Store, tmp_path: Path) -> None:
    assert store.file is not None
    declared = tmp_path / "declared.db"
    engine = create_engine(f"sqlite:///{declared}")
    metadata.create_all(engine)
    engine.dispose()

    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, metadata)

    assert differences == [], "run: python -m app.store.migrations.draft"
    assert schema_of(store.file) == schema_of(declared), "run: python -m app.store.migrations.draft"


def test_what_alembic_cannot_compare_is_there_too(store: Store) -> None:
    rows = store.reader.rows("SELECT name, sql FROM sqlite_master")

    text = {row["name"]: row["sql"] or "" for row in rows}

    assert text["metric"].rstrip().endswith("WITHOUT ROWID")
    assert "WHERE stage = 'production'" in text["one_production_version"]
    assert "WHERE state = 'active'" in text["one_active_deployment"]
    assert "CHECK (CASE WHEN value IS NOT NULL THEN" in text["metric"]


def test_the_list_of_revisions_is_alembics_own() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    script = ScriptDirectory.from_config(config)

    assert script.get_heads() == [HEAD]
    assert tuple(r.revision for r in script.walk_revisions())[::-1] == REVISIONS


def test_a_store_at_its_newest_revision_costs_next_to_nothing_to_check(store: Store) -> None:
    migrate(store)

    begun = time.perf_counter()
    for _ in range(20):
        migrate(store)

    assert (time.perf_counter() - begun) / 20 < 0.005


def test_a_store_at_its_newest_revision_is_opened_without_alembic(store: Store) -> None:
    code = f"""
import sys
from pathlib import Path
from app.store.engine import Store
from app.store.migrate import migrate
migrate(Store.of_file(Path({str(store.file)!r})))
print([name for name in sys.modules if name.startswith("alembic")])
"""

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"


def test_a_store_of_a_newer_trainmaster_is_refused(store: Store) -> None:
    with store.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(Refused, match="newer one made it") as caught:
        migrate(store)

    assert caught.value.next_step == "pip install --upgrade trainmaster"


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    store = Store.of_file(file)

    with pytest.raises(Refused, match="did not make it"):
        migrate(store)

    assert [row["name"] for row in store.reader.rows("SELECT name FROM sqlite_master")] == ["theirs"]
    store.close()


def test_an_upgrade_keeps_a_backup_of_the_old_store(store: Store, next_revision: Any) -> None:
    next_revision("")

    migrate(store)

    assert store.file is not None
    assert revision_of(store) == "9999"
    (backup,) = (store.file.parent / "backups").glob(f"store-*-before-9999-from-{HEAD}.db")
    assert "extra" not in schema_of(backup)
    assert "extra" in schema_of(store.file)


def test_a_migration_that_fails_leaves_the_old_store_as_it_was(store: Store, next_revision: Any) -> None:
    assert store.file is not None
    before = schema_of(store.file)
    next_revision("op.execute('INSERT INTO nowhere VALUES (1)')")

    with pytest.raises(Damaged, match="the old store was kept"):
        migrate(store)

    assert schema_of(store.file) == before
    assert revision_of(store) == HEAD


def test_a_migration_that_would_break_references_is_refused(store: Store, next_revision: Any) -> None:
    next_revision(
        "op.execute(\"INSERT INTO task VALUES (1, 77, 'x', 0, 'running', '', NULL, NULL, '', NULL, NULL, '', '', '')\")"
    )

    with pytest.raises(Damaged, match="broken references"):
        migrate(store)

    assert store.reader.value("SELECT count(*) FROM task") == 0


def _migrate_in_a_process(file: str, results: Any) -> None:
    store = Store.of_file(Path(file))
    try:
        migrate(store)
        results.put("ok")
    except Exception as error:  # the test reads what it was
        results.put(repr(error))


def test_four_processes_that_open_a_new_store_at_once_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    file = tmp_path / "store.db"
    processes = [context.Process(target=_migrate_in_a_process, args=(str(file), results)) for _ in range(4)]

    for process in processes:
        process.start()
    told = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)

    assert told == ["ok"] * 4
    assert "run" in schema_of(file)


def test_a_store_of_the_first_revision_keeps_its_rows_and_gets_the_newest_schema(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    old = Store.of_file(file)
    migrate(old, to="0001")
    at = "2013-01-01T00:00:00.000000Z"
    with old.write() as session:
        run = session.connection().exec_driver_sql
        run(f"INSERT INTO project (id, name, title, created_at) VALUES (1, 'p', '', '{at}')")
        run(
            "INSERT INTO run (id, key, flow, project_id, state, cause, requested_by, requested_at, parameters,"
            f" environment, stages_done, error, next_step) VALUES (7, 'a', 'train', 1, 'completed', 'person', 'me',"
            f" '{at}', '{{}}', '{{}}', 0, '', '')"
        )
        run("INSERT INTO metric (run_id, key, value) VALUES (7, 'auc', 0.5)")
        run("INSERT INTO parameter (run_id, key, value) VALUES (7, 'rounds', '300'), (7, 'learner', 'lightgbm')")
    old.close()
    new = Store.of_file(file)

    migrate(new)

    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    assert schema_of(file) == schema_of(tmp_path / "declared.db")
    assert new.reader.value("SELECT key FROM run WHERE id = 7") == "a"
    assert new.reader.value("SELECT value FROM metric WHERE run_id = 7") == 0.5
    assert new.reader.value("SELECT number FROM parameter WHERE key = 'rounds'") == 300
    assert new.reader.value("SELECT number FROM parameter WHERE key = 'learner'") is None
