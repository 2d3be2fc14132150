"""The marketing channel of a visit, on both engines."""

from __future__ import annotations

import pytest

from pipeline.domain.channel_groups import SITE_KINDS, channel_group
from pipeline.history.engine import Engine
from pipeline.history.reports.parts import parts
from pipeline.history.texts import texts
from pipeline.history.writer import HistoryWriter
from tests.history_rows import TEN_O_CLOCK
from tests.integration.reports.answers import asked, column, only
from tests.integration.reports.stories import by_way_of, event
from tests.unit.domain.test_channel_groups import TABLE

pytestmark = pytest.mark.clickhouse


@pytest.mark.parametrize(
    ("channel", "source", "medium", "name", "group"),
    [
        ("web", "", "", "", "Direct"),
        ("web", "google", "cpc", "autumn", "Paid Search"),
        ("web", "www.google.de", "organic", "", "Organic Search"),
        ("web", "facebook", "paid_social", "", "Paid Social"),
        ("app", "instagram", "", "", "Organic Social"),
        ("web", "youtube", "cpc", "", "Paid Video"),
        ("web", "google", "cpc", "shopping_de", "Paid Shopping"),
        ("web", "partner", "affiliate", "", "Affiliates"),
        ("web", "example.org", "referral", "", "Referral"),
        ("web", "letter", "e-mail", "spring", "Email"),
        ("web", "banners", "cpm", "", "Display"),
        ("web", "somewhere", "somehow", "", "Unassigned"),
        ("email", "", "", "", "Email"),
        ("push", "", "", "", "Mobile Push Notifications"),
        ("pos", "", "", "", "Store"),
        ("ads", "", "", "", "Display"),
        ("ads", "google", "cpc", "", "Paid Search"),
    ],
)
def test_the_marketing_channel_is_that_of_googles_default_channel_groups(
    engine: Engine, channel: str, source: str, medium: str, name: str, group: str
) -> None:
    tenant = f"group {channel} {source} {medium} {name}"
    HistoryWriter(engine).write([event(tenant, "anna", 0, "page_viewed", channel, **by_way_of(name, medium, source))])

    assert only(asked(engine, "sessions", tenant, by="channel_group"))["name"] == group


def test_a_visit_is_of_the_group_that_was_stored_and_an_older_one_of_the_group_that_its_link_says(
    engine: Engine,
) -> None:
    for session, stored in (("new", "Audio"), ("old", "")):
        engine.execute(
            "INSERT INTO events_log (tenant, event_id, event_type, channel, occurred_at_ms, written_customer_id, "
            "part_id, session_id, campaign_source, campaign_medium, channel_group) SELECT 'stored', "
            f"{texts([session])}, 'page_viewed', 'web', {TEN_O_CLOCK}, 'anna', 'anna', {texts([session])}, "
            f"'google', 'cpc', {texts([stored])}"
        )

    rows = asked(engine, "sessions", "stored", by="channel_group")

    assert column(rows, "name", "visits") == {"Audio": 1, "Paid Search": 1}


def test_a_link_of_before_groups_were_stored_says_what_would_be_stored_today(engine: Engine) -> None:
    links = {(source or "", medium or "", name or "") for _, source, medium, name in TABLE}
    links |= {(source, medium, "") for source in SITE_KINDS for medium in ("", "CPC")}
    links |= {(f"www.{site}.co.uk", "referral", "") for site in SITE_KINDS} | {
        ("(direct)", "", ""),
        ("google", "cpm", ""),
    }
    told = ", ".join(f"({texts(link)})" for link in sorted(links))
    words = parts({}, ["link_site", "link_group"])

    rows = engine.query(
        f"SELECT link, {words['link_site']} AS link_site, {words['link_group']} AS link_group FROM (SELECT link, "
        "lower(link.1) AS link_source, lower(link.2) AS link_medium, link.3 AS visit_campaign "
        f"FROM (SELECT arrayJoin([{told}]) AS link))"
    ).rows

    assert {tuple(link): group for link, _, group in rows} == {link: channel_group(*link) for link in links}
