"""Reports on other people's data, against what is known of it or a plain calculation, on both engines."""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import MINUTE_MS
from pipeline.domain.triggers import RULES
from pipeline.history.engine import Engine
from pipeline.history.migrations import apply
from pipeline.history.recorder import Recorder
from pipeline.history.rows import Kind, Row
from pipeline.history.server import Server
from pipeline.history.writer import HistoryWriter, open_folder
from pipeline.settings import Settings
from pipeline.simulation import Simulation
from pipeline.sources import Read, find_source
from tests.bench.checkout_fault import Share, probability_of_chance
from tests.harness.data_sets import events_of, file_of
from tests.history_rows import CHANGE, ORIGIN
from tests.integration.reports.answers import asked

pytestmark = pytest.mark.clickhouse

STREAM_ENDS_MS = 1_569_898_200_000  # 2019-10-01T02:50:00Z
DELAYS_MINUTES = (5, 10, 20)


def stored(events: Iterator[ChannelEvent]) -> Iterator[Row]:
    """Events of customers that have one account each, as the pipeline would store them."""
    accounts = set[tuple[str, str]]()
    for position, event in enumerate(events):
        account = event.identifiers["account"]
        customer_id = f"customer-{account}"
        arrived = Arrived(
            event.tenant, customer_id, (("account", account),), event.occurred_at_ms, position, event, customer_id, 0
        )
        yield Row(Kind.EVENT, arrived, "files/0", position, ORIGIN)
        if (event.tenant, account) not in accounts:
            accounts.add((event.tenant, account))
            created = replace(
                CHANGE, change_id=f"created-{account}", tenant=event.tenant, change="created", customer_id=customer_id,
                kind="account", value=account,
            )  # fmt: skip
            yield Row(Kind.IDENTITY_CHANGE, created, "files/0", position, ORIGIN)


def of(source: str) -> Iterator[ChannelEvent]:
    return (replace(event, tenant=source) for event in events_of(source))


def simulate_a_shops_morning(writer: HistoryWriter, file: Path) -> None:
    """Play the real stream under rules that watch for carts left for 5, 10 and 20 minutes, to its end."""
    left = RULES["abandoned_cart"]
    rules = tuple(
        Rule(f"left_{minutes}m", "abandoned_cart", left.config_type(delay_ms=minutes * MINUTE_MS))
        for minutes in DELAYS_MINUTES
    )
    recorder = Recorder(writer)
    simulation = Simulation(
        Settings(), Rules("test", rules), IdentityConfig(), None, recorder.published, recorder.arrived, keep=False
    )
    events = (line.event for line in find_source("rees46").read(file) if isinstance(line, Read))
    simulation.play((simulation.read(replace(event, tenant="rees46")) for event in events), STREAM_ENDS_MS)
    recorder.rows()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for source in ("cdnow", "complete_journey", "retentioneering") for row in stored(of(source))]


@pytest.fixture(scope="module", params=["embedded", "server"])
def engine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Row],
    rees46_sample: Path,
) -> Iterator[Engine]:
    engine: Engine
    if request.param == "embedded":
        engine = open_folder(tmp_path_factory.mktemp("reports") / "history")
    else:
        engine = Server(request.getfixturevalue("clickhouse").url("data_sets"))
        engine.create_database()
    apply(engine)
    writer = HistoryWriter(engine)
    writer.write(rows)
    simulate_a_shops_morning(writer, rees46_sample)
    yield engine
    engine.close()


def test_rfm_of_every_customer_of_cdnow_is_that_of_the_file(engine: Engine) -> None:
    value: dict[str, Decimal] = defaultdict(Decimal)
    days: dict[str, set[str]] = defaultdict(set)
    with file_of("cdnow").open() as lines:
        for row in csv.DictReader(lines):
            value[row["customer_id"]] += Decimal(row["dollar_value"])
            days[row["customer_id"]].add(f"{row['date'][:4]}-{row['date'][4:6]}-{row['date'][6:]}")

    found = asked(engine, "rfm", "cdnow")

    assert len(found) == 21_213
    assert {
        row["account"]: (
            row["purchase_days"], row["first_at"][:10], row["last_at"][:10], row["spend_minor"], row["currency"],
        )
        for row in found
    } == {
        account: (len(those), min(those), max(those), value[account] * 100, "USD") for account, those in days.items()
    }  # fmt: skip


def test_rfm_scores_of_every_customer_of_cdnow_are_the_fifths_of_a_plain_calculation(engine: Engine) -> None:
    found = asked(engine, "rfm", "cdnow")

    for score, column in (
        ("recency_score", "last_at"), ("frequency_score", "purchase_days"), ("monetary_score", "spend_minor"),
    ):  # fmt: skip
        values = sorted(row[column] for row in found)
        plain = {value: 1 + 5 * bisect_left(values, value) // len(values) for value in values}
        assert {(row[column], row[score]) for row in found} == set(plain.items())


def test_what_a_grocer_sells_together_is_what_the_data_set_says(engine: Engine) -> None:
    found = asked(engine, "basket_affinities", "complete_journey", by="category", min_baskets="500")

    pairs = {(row["a"], row["b"]): row for row in found}
    bread = pairs["BAKED BREAD/BUNS/ROLLS", "FLUID MILK PRODUCTS"]
    assert (bread["baskets"], bread["lift"]) == (2_396, 1.9193)
    noodles = pairs["DRY NOODLES/PASTA", "PASTA SAUCE"]
    assert (noodles["baskets"], noodles["confidence"], noodles["lift"]) == (517, 0.4675, 10.2716)
    assert pairs["PASTA SAUCE", "DRY NOODLES/PASTA"]["confidence"] == 0.5681
    assert noodles["support"] == pytest.approx(517 / 19_996, abs=1e-6)


def test_carts_left_in_a_shops_morning_are_as_many_as_the_data_set_says(engine: Engine) -> None:
    found = asked(engine, "abandonment", "rees46")

    assert [(row["rule"], row["delay_seconds"], row["reminded"]) for row in found] == [
        ("left_5m", 300, 22), ("left_10m", 600, 14), ("left_20m", 1_200, 6),
    ]  # fmt: skip
    assert {row["carts"] for row in found} == {54}, "users with a cart"
    assert all(row["recovered"] <= row["reminded"] for row in found)
    assert found[0]["currency"] == "USD"


def test_visits_of_a_shops_morning_are_its_sessions(engine: Engine) -> None:
    (found,) = asked(engine, "sessions", "rees46")

    one_of_two_users, event_without_a_session = 1, 1
    assert found["visits"] == 2_562 + one_of_two_users + event_without_a_session
    assert (found["customers"], found["orders"]) == (2_256, 110)


def test_a_purchase_counts_in_a_funnel_where_something_was_put_into_the_cart_before(engine: Engine) -> None:
    added: dict[tuple[str, str], int] = {}
    bought: dict[tuple[str, str], int] = {}
    for event in events_of("retentioneering"):
        session = (event.identifiers["account"], event.session_id or "")
        if event.event_type == "product_added":
            added.setdefault(session, event.occurred_at_ms)
        elif event.event_type == "order_completed":
            bought[session] = event.occurred_at_ms

    rows = asked(engine, "funnel", "retentioneering", steps="product_added,order_completed")

    in_order = sum(at_ms >= added[session] for session, at_ms in bought.items() if session in added)
    assert (len(added), len(bought)) == (1_213, 470)
    assert [row["reached"] for row in rows] == [1_213, in_order]


WAY = "checkout_step_viewed/shipping_details,checkout_step_viewed/payment_details,order_completed"
CHECKOUT_FAULT = (("2024-04-09", "2024-05-10"),)
PAYMENT_FAULT = (("2024-05-19", "2024-06-08"),)
SOUND = (("2024-01-01", "2024-04-09"), ("2024-05-10", "2024-05-19"), ("2024-06-08", "2024-07-01"))


def passed(engine: Engine, spans: tuple[tuple[str, str], ...], by: str = "none") -> dict[tuple[str, int], Share]:
    """How many took each step, of those at the step before, by device."""
    reached: Counter[tuple[str, int]] = Counter()
    for since, before in spans:
        given = {"steps": WAY, "by": by, "from": since, "to": before}
        for row in asked(engine, "funnel", "retentioneering", **given):
            reached[row["name"], row["number"]] += row["reached"]
    return {
        (name, number): Share(taken, reached[name, number - 1])
        for (name, number), taken in reached.items()
        if number > 1
    }


def test_the_funnel_shows_that_the_checkout_fails_on_mobile_phones(engine: Engine) -> None:
    failing, sound = passed(engine, CHECKOUT_FAULT, "device"), passed(engine, SOUND, "device")

    shipping = 2
    assert failing["mobile", shipping].rate < 0.6 * sound["mobile", shipping].rate
    assert probability_of_chance(failing["mobile", shipping], sound["mobile", shipping]) < 0.001
    assert probability_of_chance(failing["desktop", shipping], sound["desktop", shipping]) > 0.5


def test_the_funnel_shows_that_the_payment_fails_everywhere(engine: Engine) -> None:
    failing, sound = passed(engine, PAYMENT_FAULT), passed(engine, SOUND)

    shipping, payment = 2, 3
    assert failing["", payment].rate < 0.5 * sound["", payment].rate
    assert probability_of_chance(failing["", payment], sound["", payment]) < 0.001
    assert probability_of_chance(failing["", shipping], sound["", shipping]) > 0.05
    by_device, sound_by_device = passed(engine, PAYMENT_FAULT, "device"), passed(engine, SOUND, "device")
    for device in ("desktop", "mobile", "tablet"):
        assert by_device[device, payment].rate < 0.55 * sound_by_device[device, payment].rate, device
