"""`omni report`, from the outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.history.reports.catalogue import reports
from pipeline.history.rows import Kind, Row
from pipeline.history.server import Server
from pipeline.history.writer import open_history
from tests.clickhouse_server import ClickhouseServer
from tests.conftest import Omni
from tests.history_rows import DECISION, ORIGIN, TEN_O_CLOCK, event_row

pytestmark = pytest.mark.clickhouse

DAY_MS = 86_400_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "history"
    writer = open_history(folder)
    customers = (("anna", 0), ("anna", 40), ("ben", 0), ("ben", 1))
    writer.write(
        [
            event_row(
                f"e-{number}",
                number,
                customer_id=customer_id,
                occurred_at_ms=TEN_O_CLOCK + days * DAY_MS,
                received_at_ms=TEN_O_CLOCK + days * DAY_MS,
                channel=("web", "pos")[number % 2],
                amount_minor=1_000 * (number + 1),
                currency="EUR",
            )
            for number, (customer_id, days) in enumerate(customers)
        ]
    )
    writer.write([Row(Kind.DECISION, replace(DECISION, outcome="fired"), "decisions/0", 0, ORIGIN)])
    writer.close()
    return folder


def test_without_a_name_every_report_is_listed_with_its_sentence(omni: Omni) -> None:
    listed = omni("report")

    assert listed.code == 0
    assert [line.split("  ", 1)[0] for line in listed.stdout.splitlines()] == list(reports())
    assert all(each.sentence in listed.stdout for each in reports().values())
    told: list[dict[str, Any]] = json.loads(omni("report", "--json").stdout)
    by = next(
        one for one in next(each for each in told if each["name"] == "rfm")["parameters"] if one["name"] == "from"
    )
    assert by == {"name": "from", "kind": "time", "default": "", "says": "orders from then on"}


def test_a_report_is_printed_for_machines_and_for_people(omni: Omni, folder: Path) -> None:
    rows = json.loads(omni("report", "rfm", "--history", folder, "--json").stdout)
    table = omni("report", "rfm", "--history", folder, "--format", "CSVWithNames")

    assert [(row["customer_id"], row["purchase_days"], row["spend_minor"]) for row in rows] == [
        ("ben", 2, 7_000), ("anna", 2, 3_000),
    ]  # fmt: skip
    assert table.stdout.splitlines()[0].startswith('"account","purchase_days","first_at","last_at","spend_minor"')
    assert len(table.stdout.splitlines()) == 3


def test_options_narrow_a_report(omni: Omni, folder: Path) -> None:
    december = omni("report", "rfm", "--history", folder, "--json", "--from", "2026-12-01", "--to", "2027-02-01")

    assert [row["customer_id"] for row in json.loads(december.stdout)] == ["anna"]


@pytest.mark.parametrize(("typed", "currency", "spend_minor"), [("eur", "EUR", 4_000), ("CHF", "CHF", 0)])
def test_a_currency_may_be_typed_small_and_one_without_orders_has_no_money(
    omni: Omni, folder: Path, typed: str, currency: str, spend_minor: int
) -> None:
    told = omni("report", "channel_study", "--history", folder, "--json", "--currency", typed, "--to", "2026-11-25")

    assert [(row["currency"], row["spend_minor"]) for row in json.loads(told.stdout)] == [(currency, spend_minor)]


def test_a_report_is_drawn_with_characters(omni: Omni, folder: Path) -> None:
    bars = omni("report", "channel_study", "--history", folder, "--chart")
    interval = omni("report", "sessions", "--history", folder, "--chart")
    heat = omni("report", "cohorts", "--history", folder, "--chart")

    assert bars.stdout.splitlines()[0] == reports()["channel_study"].sentence
    assert f"2  {'█' * 50}  5,000" in bars.stdout
    assert "web" in interval.stdout
    assert "●" in interval.stdout
    assert "█1" in heat.stdout
    assert "▒0.5" in heat.stdout


def test_a_value_without_limits_is_drawn_without_them(omni: Omni, folder: Path, tmp_path: Path) -> None:
    writer = open_history(folder)
    writer.write([
        event_row(f"o-{number}", number, event_type="feedback_given", order_id=None, items=(), properties=said)
        for number, said in enumerate(({"touchpoint": "till", "nps": 5}, {"nps": 9}, {"nps": 10}, {"nps": 9}))
    ])  # fmt: skip
    writer.close()

    drawn = omni("report", "feedback", "--history", folder, "--chart", "--plot", tmp_path / "chart.png")

    assert drawn.code == 0, drawn.stderr
    till, others = drawn.stdout.splitlines()[2:]
    assert till.split() == ["till", "│", "●", "0.5", "(–", "–", "–)"]
    assert others.endswith("●───  0.933 (0.868 – 0.999)")


@pytest.mark.parametrize("name", ["channel_study", "sessions", "cohorts", "trigger_effect"])
def test_a_report_is_drawn_into_a_file(omni: Omni, folder: Path, tmp_path: Path, name: str) -> None:
    drawn = omni("report", name, "--history", folder, "--plot", tmp_path / "chart.png")

    assert drawn.code == 0, drawn.stderr
    picture = (tmp_path / "chart.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5_000


def test_an_answer_without_rows_is_not_drawn_and_said_to_have_none(omni: Omni, folder: Path, tmp_path: Path) -> None:
    empty = omni("report", "sessions", "--tenant", "nobody", "--history", folder, "--plot", tmp_path / "chart.png")

    assert (empty.code, empty.stdout) == (0, "")
    assert empty.stderr == f"omni: no rows, so nothing is drawn into {tmp_path / 'chart.png'}\n"
    assert not (tmp_path / "chart.png").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("funel",), "there is no report funel. Did you mean funnel?"),
        (("rfm", "--steps", "a,b"), "the report rfm has no --steps; it has --from, --to, --tenant"),
        (("rfm", "--from", "monday"), "--from monday: "),
        (
            ("rfm", "--from", "2026-12-01", "--to", "2026-12-01"),
            "--from 2026-12-01 --to 2026-12-01: no time lies between. --to is not in the span: name the day after",
        ),
        (("rfm", "--from", "2026-12-02", "--to", "2026-12-01T23:59:59Z"), "no time lies between"),
        (("paths", "--currency", "ZZZ1"), "--currency ZZZ1: currency: 'ZZZ1' is not three letters, as in EUR"),
        (
            ("sessions", "--plot", "chart.png", "--sql"),
            "--plot draws an answer, and with --sql there is none: leave one",
        ),
        (("sessions", "--plot", "chart.png", "--about"), "--plot draws an answer, and with --about there is none"),
        (("touchpoints", "--model", "best"), "--model best: it is one of first, last, last_non_direct"),
        (("rfm", "--format", "exel"), "--format exel: not known."),
        (("rfm", "--plot", "nowhere/chart.png"), "--plot nowhere/chart.png: cannot be written"),
        (("rfm", "--plot", "chart.doc"), "--plot chart.doc: Format 'doc' is not supported"),
    ],
)
def test_what_cannot_be_done_is_wrong_usage_and_says_what_can(
    omni: Omni, folder: Path, words: tuple[str, ...], says: str
) -> None:
    refused = omni("report", *words, "--history", folder)

    assert refused.code == 2
    assert says in refused.stderr


def test_a_report_shows_its_query_and_explains_itself(omni: Omni) -> None:
    about = omni("report", "trigger_effect", "--about")
    query = omni("report", "sessions", "--sql", "--tenant", "north")

    assert "Newcombe 1998" in about.stdout
    assert "--detect" in about.stdout
    assert "tenant = 'north'" in query.stdout


def test_with_json_whatever_is_asked_of_a_report_is_one_document(omni: Omni, folder: Path) -> None:
    def said(*words: str) -> Any:
        return json.loads(omni("report", *words, "--history", folder, "--json").stdout)

    about = said("trigger_effect", "--about")
    query = said("sessions", "--sql", "--tenant", "north")

    assert about["name"] == "trigger_effect"
    assert "Newcombe 1998" in about["about"]
    assert "detect" in [each["name"] for each in about["parameters"]]
    assert query["name"] == "sessions"
    assert "tenant = 'north'" in query["sql"]
    assert said("channel_study", "--chart") == said("channel_study")


def test_a_history_without_tables_or_with_those_of_an_earlier_version_is_told_what_to_do(
    omni: Omni, clickhouse: ClickhouseServer
) -> None:
    url = clickhouse.url("never_written")
    nothing = omni("report", "rfm", "--clickhouse-url", url)
    assert omni("history", "--migrate", "--clickhouse-url", url).code == 0
    there = omni("report", "rfm", "--clickhouse-url", url)
    server = Server(url)
    server.execute("DROP TABLE customer_events_log")
    server.execute("DROP TABLE schema_migrations")
    server.close()
    early = [
        omni("sql", "SELECT * FROM customer_events_log", "--clickhouse-url", url),
        omni("customer", "c-1", "--timeline", "--clickhouse-url", url),
    ]

    assert there.code == 0
    assert nothing.code == 3
    for each in (nothing, *early):
        assert "`omni history --migrate` brings them up to date" in each.stderr, each.stderr
        assert "0001_events.sql" in each.stderr


def test_doctor_tells_a_server_whose_database_is_yet_to_be_made_from_one_that_cannot_be_used(
    omni: Omni, clickhouse: ClickhouseServer
) -> None:
    def found(url: str) -> tuple[bool, str]:
        checks = json.loads(omni("doctor", "--json", env={"PIPELINE_CLICKHOUSE_URL": url}).stdout)["checks"]
        (check,) = [each for each in checks if each["name"] == "clickhouse"]
        return check["ok"], check["found"]

    new = clickhouse.url("yet_to_be_made")
    assert found(new) == (True, f"{new} answers; omni history makes the database")
    here = clickhouse.url("default")
    assert found(here) == (True, f"{here} answers, version {clickhouse_version(clickhouse)}")
    refused, says = found(here.replace("default@", "nobody:hidden@"))
    assert not refused
    assert "refuses the login" in says
    assert "hidden" not in says


def clickhouse_version(clickhouse: ClickhouseServer) -> str:
    server = Server(clickhouse.url("default"))
    version = ".".join(map(str, server.target().version))
    server.close()
    return version
