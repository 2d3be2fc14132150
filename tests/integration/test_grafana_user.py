"""The user that Grafana asks as, of deploy/clickhouse, on a real server: it reads the history and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from pipeline.history.migrations import apply
from pipeline.history.server import Server
from pipeline.history.writer import HistoryWriter
from pipeline.settings import PROJECT_DIR
from tests.clickhouse_server import ClickhouseServer
from tests.history_rows import ONE_OF_EACH

pytestmark = pytest.mark.clickhouse

DEPLOY = PROJECT_DIR / "deploy"
USER = DEPLOY / "clickhouse" / "users.d" / "grafana.xml"
PASSWORD = "asks only"
FORBIDDEN = (
    "INSERT INTO events_log (event_id) SELECT 'x'",
    "DROP TABLE events",
    "CREATE TABLE mine (x Int64) ENGINE = MergeTree ORDER BY x",
    "ALTER TABLE events_log DROP COLUMN event_id",
    "SELECT * FROM other.secrets",
    "SET readonly = 0",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickhouseServer]:
    """A server with that user, a history, and a database that is none of its business."""
    tmp_path = tmp_path_factory.mktemp("grafana")
    (tmp_path / "users.d").mkdir()
    old_root = USER.read_text(encoding="utf-8").replace("clickhouse>", "yandex>")  # as 18.16 calls it
    (tmp_path / "users.d" / "grafana.xml").write_text(old_root, encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLICKHOUSE_GRAFANA_PASSWORD", PASSWORD)
        server = ClickhouseServer(tmp_path)
    owner = Server(server.url("omni"))
    owner.create_database()
    apply(owner)
    HistoryWriter(owner).write(ONE_OF_EACH)
    owner.execute("CREATE DATABASE other")
    owner.execute("CREATE TABLE other.secrets (x Int64) ENGINE = MergeTree ORDER BY x")
    owner.close()
    yield server
    server.kill()


def as_grafana(server: ClickhouseServer, password: str = PASSWORD) -> Client:
    return Client("127.0.0.1", port=server.port, database="omni", user="grafana", password=password)


def test_grafana_reads_every_view_of_the_history_and_nothing_else_with_settings_of_its_own(
    server: ClickhouseServer,
) -> None:
    with as_grafana(server) as grafana:
        for view in ("events", "triggers", "decisions", "identity_changes", "dead_letters"):
            assert grafana.execute(f"SELECT count() FROM {view}", settings={"max_threads": 1}) == [(1,)], view
        assert grafana.execute("SELECT count() > 0 FROM system.parts WHERE database = 'omni'") == [(1,)]
    with as_grafana(server, "guessed") as guesser, pytest.raises(ServerException, match=r"(?i)password"):
        guesser.execute("SELECT 1")


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_grafana_can_change_nothing_and_not_read_what_is_not_the_history(
    server: ClickhouseServer, statement: str
) -> None:
    with as_grafana(server) as grafana, pytest.raises(ServerException, match=r"(?i)readonly|access denied"):
        grafana.execute(statement)


def test_grafana_is_provisioned_with_that_user_and_both_services_are_given_its_password() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/omni.yaml").read_text(encoding="utf-8"))
    (history,) = (each for each in sources["datasources"] if each["type"] == "grafana-clickhouse-datasource")

    assert history["jsonData"]["username"] == "grafana"
    assert history["secureJsonData"] == {"password": "${CLICKHOUSE_GRAFANA_PASSWORD}"}
    given = [services[name]["environment"]["CLICKHOUSE_GRAFANA_PASSWORD"] for name in ("clickhouse", "grafana")]
    assert given == ["${CLICKHOUSE_GRAFANA_PASSWORD:-grafana}"] * 2
    assert "CLICKHOUSE_PASSWORD" not in services["grafana"]["environment"]
    assert services["clickhouse"]["configs"] == [
        {"source": "grafana-user", "target": "/etc/clickhouse-server/users.d/grafana.xml"}
    ]
    assert DEPLOY / compose["configs"]["grafana-user"]["file"] == USER
    assert USER.is_file()
