"""Sources behind real servers: PostgreSQL, and an S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.main import run
from app.domain.errors import Refused, Unavailable
from app.domain.workspace import Workspace
from app.services.data import ingesting, set_secret, try_source
from app.store.engine import Store
from flows.ingest import ingest
from tests.data.connectors.made import log_of, orders, shop, source_row
from tests.postgres import Postgres, postgres

pytestmark = pytest.mark.services
SECRET = "pw-of-the-shop/§1"
SQL = """url = "postgresql://reader:${{SHOP_PW}}@127.0.0.1:{port}/postgres"
query = "SELECT id, town, price, sold_at, tags FROM orders"
watermark = "id"
retries = 1
timeout_s = 3
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server with a table of orders and a reader who needs a password."""
    with postgres() as found:
        found.run(
            f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'",
            "CREATE TABLE orders (id bigint, town text, price numeric(8,2), sold_at timestamptz, tags jsonb)",
            "INSERT INTO orders SELECT n, 'ulm', n * 1.5, '2013-03-10 01:00-05'::timestamptz + n * interval '1 min', "
            "'[1]' FROM generate_series(1, 25000) n",
            "GRANT SELECT ON orders TO reader",
        )
        yield found


def test_postgresql_is_read_from_its_watermark_by_command_and_flow(
    workspace: Workspace, store: Store, server: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    shop(workspace, SQL.format(port=server.port))
    set_secret(store, workspace, "SHOP_PW", SECRET)

    code = command(["data", "test", "orders", "--workspace", str(workspace.root), "--project", "shop", "--json"])
    printed = capsys.readouterr()
    first = ingest("shop", workspace=str(workspace.root))
    before = source_row(store)
    again = ingest("shop", workspace=str(workspace.root))
    unchanged = source_row(store)
    server.run("INSERT INTO orders SELECT n, 'bonn', 1, now(), NULL FROM generate_series(25001, 25010) n")
    more = ingest("shop", workspace=str(workspace.root))

    assert code == 0, printed.err
    assert '"price": "1.5"' in printed.out
    assert (first["accepted"], again["accepted"], more["accepted"]) == (25_000, 0, 10)
    assert before == unchanged
    assert (before["watermark"], source_row(store)["watermark"]) == ("25000", "25010")
    assert SECRET not in printed.out + printed.err


def command(words: list[str]) -> int:
    """The exit code of a command, called in this process."""
    with pytest.raises(SystemExit) as ended:
        run(words)
    return int(ended.value.code or 0)


def test_no_secret_is_in_any_table_log_error_or_output(
    workspace: Workspace,
    store: Store,
    server: Postgres,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    shop(workspace, SQL.format(port=server.port))
    set_secret(store, workspace, "SHOP_PW", SECRET)
    place = ["--workspace", str(workspace.root)]

    ingest("shop", workspace=str(workspace.root))
    server.run("ALTER ROLE reader PASSWORD 'another'")
    with pytest.raises(Refused, match="source orders") as refused:
        ingest("shop", workspace=str(workspace.root))
    server.run(f"ALTER ROLE reader PASSWORD '{SECRET}'")
    shop(workspace, SQL.format(port=server.port).replace("127.0.0.1", "${SHOP_PW}.invalid"))
    with pytest.raises(Unavailable) as unreachable:
        ingest("shop", workspace=str(workspace.root))
    for words in (["data", "ls"], ["runs", "ls"], ["audit", "ls"], ["lineage", "source:shop/orders"]):
        command([*words, *place, "--json"])

    told = capfd.readouterr()
    said = [told.out, told.err, caplog.text, str(refused.value), str(unreachable.value), *log_of(store)]
    kept = [path for path in workspace.root.rglob("*") if path.is_file() and path != workspace.secrets_file]
    parts = [path.read_bytes() for path in kept]
    for form in (SECRET, "pw-of-the-shop"):
        assert not [text for text in said if form in text]
        assert not [path for path, content in zip(kept, parts, strict=True) if form.encode() in content]
    assert "***" in str(unreachable.value)


def test_a_server_that_dies_in_the_middle_leaves_whole_pieces_and_the_next_run_goes_on(
    workspace: Workspace, store: Store, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.data.connectors.extract.FIRST_WAIT_S", 0.05)
    monkeypatch.setenv("SHOP_PW", SECRET)
    project = shop(workspace, SQL.format(port=server.port) + "batch_rows = 5000\n")
    killed: list[int] = []
    write_one = ingesting._write_one

    def writes_then_server_dies(*arguments: object) -> str:
        if len(killed) < 2:
            killed.append(1)
            server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        return write_one(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ingesting, "_write_one", writes_then_server_dies)
    taken = orders(store, project)

    rows = store.reader.rows("SELECT rows, watermark FROM snapshot ORDER BY id")
    assert taken.accepted == sum(row["rows"] for row in rows) == server.count("orders")
    assert any("try 1 of 2 failed" in line and "again in" in line for line in log_of(store))


@pytest.fixture
def bucket() -> Iterator[str]:
    """The address of an S3 server with an empty bucket `lake`."""
    import boto3
    from moto.server import ThreadedMotoServer

    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="lake")
    yield address
    s3.stop()


def test_objects_of_an_s3_server_are_taken_in_once(
    workspace: Workspace, store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    monkeypatch.setenv("LAKE_SECRET", SECRET)
    client = boto3.client(
        "s3", endpoint_url=bucket, aws_access_key_id="test", aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    project = shop(
        workspace,
        'url = "s3://lake/orders/*.parquet"\n'
        f'options = {{ endpoint_url = "{bucket}", key = "test", secret = "${{LAKE_SECRET}}" }}\n',
    )
    sample = Path(__file__).resolve().parents[3] / "sample_data" / "flights" / "weather-2013-01.parquet"
    client.upload_file(str(sample), "lake", "orders/01.parquet")

    tested = try_source(project, "orders")
    taken = [orders(store, project).accepted, orders(store, project).accepted]
    client.upload_file(str(sample.with_name("weather-2013-02.parquet")), "lake", "orders/02.parquet")
    taken.append(orders(store, project).accepted)

    assert len(tested.rows) == 5
    assert taken[0] > 2000
    assert taken[1] == 0
    assert taken[2] > 1900
    assert store.reader.value("SELECT path FROM source_file ORDER BY id LIMIT 1") == "s3://lake/orders/01.parquet"
