"""The table of https://support.google.com/analytics/answer/9756891, row by row, and the order in which it is read."""

from __future__ import annotations

import pytest

from pipeline.domain.channel_groups import CHANNEL_GROUPS, channel_group

# Source, medium, campaign name: each alternative of each row of the published table.
TABLE = [
    ("Direct", "(direct)", "(none)", None),
    ("Direct", "(direct)", "(not set)", None),
    ("Cross-network", "google", "cpc", "autumn cross-network"),
    ("Paid Shopping", "amazon.de", "cpc", None),
    ("Paid Shopping", "anything", "ppc", "e-shop"),
    ("Paid Shopping", "anything", "paid", "autumn shopping"),
    ("Paid Search", "google", "cpc", None),
    ("Paid Search", "bing", "retargeting", None),
    ("Paid Search", "www.google.co.uk", "paid-search", None),
    ("Paid Social", "facebook", "cpc", None),
    ("Paid Social", "m.facebook.com", "paidsocial", None),
    ("Paid Video", "youtube.com", "paid", None),
    ("Display", "anything", "display", None),
    ("Display", "anything", "banner", None),
    ("Display", "anything", "expandable", None),
    ("Display", "anything", "interstitial", None),
    ("Display", "anything", "cpm", None),
    ("Paid Other", "anything", "cpc", None),
    ("Paid Other", "anything", "ppc", None),
    ("Paid Other", "anything", "retargeting", None),
    ("Paid Other", "anything", "paid-listing", None),
    ("Organic Shopping", "Google Shopping", "", None),
    ("Organic Shopping", "shopping.google.com", "referral", None),
    ("Organic Shopping", "anything", "referral", "the shop"),
    ("Organic Social", "t.co", "referral", None),
    ("Organic Social", "l.instagram.com", None, None),
    ("Organic Social", "anything", "social", None),
    ("Organic Social", "anything", "social-network", None),
    ("Organic Social", "anything", "social-media", None),
    ("Organic Social", "anything", "sm", None),
    ("Organic Social", "anything", "social network", None),
    ("Organic Social", "anything", "social media", None),
    ("Organic Video", "vimeo", None, None),
    ("Organic Video", "anything", "product-video-de", None),
    ("Organic Search", "duckduckgo", None, None),
    ("Organic Search", "anything", "organic", None),
    ("Referral", "anything", "referral", None),
    ("Referral", "anything", "app", None),
    ("Referral", "anything", "link", None),
    ("Email", "email", "anything", None),
    ("Email", "e-mail", None, None),
    ("Email", "anything", "e_mail", None),
    ("Email", "anything", "e mail", None),
    ("Affiliates", "anything", "affiliate", None),
    ("Audio", "anything", "audio", None),
    ("SMS", "sms", "anything", None),
    ("SMS", "anything", "sms", None),
    ("Mobile Push Notifications", "anything", "webpush", None),
    ("Mobile Push Notifications", "anything", "our mobile", None),
    ("Mobile Push Notifications", "anything", "notification", None),
    ("Mobile Push Notifications", "firebase", "anything", None),
    ("Unassigned", "anything", "anything", "anything"),
    ("Unassigned", "(direct)", "anything", None),
]


@pytest.mark.parametrize(("group", "source", "medium", "name"), TABLE)
def test_each_row_of_the_published_table_gives_its_group(
    group: str, source: str | None, medium: str | None, name: str | None
) -> None:
    assert channel_group(source, medium, name) == group


def test_every_group_that_is_declared_has_a_row_here_and_no_other() -> None:
    assert list(dict.fromkeys(group for group, *_ in TABLE)) == list(CHANNEL_GROUPS)


@pytest.mark.parametrize(
    ("group", "source", "medium", "name"),
    [
        ("Cross-network", "amazon", "cpc", "cross-network shopping"),
        ("Paid Search", "google", "cpm", None),  # before Display
        ("Display", "anything", "cpm", None),  # before Paid Other
        ("Organic Social", "facebook", "email", None),  # before Email
        ("Referral", "sms", "referral", None),  # before SMS
    ],
)
def test_of_several_rows_that_hold_the_first_decides(group: str, source: str, medium: str, name: str | None) -> None:
    assert channel_group(source, medium, name) == group


@pytest.mark.parametrize("name", ["workshop", "bishop's sale", "Barbershop"])
def test_a_campaign_with_shop_inside_a_word_is_no_shopping_campaign(name: str) -> None:
    assert channel_group("anything", "referral", name) == "Referral"


def test_case_and_space_around_do_not_matter() -> None:
    assert channel_group(" Google ", "CPC", "Autumn") == "Paid Search"


def test_a_visit_whose_link_said_nothing_has_no_group_of_its_own() -> None:
    assert channel_group(None, "", None) == ""


@pytest.mark.parametrize("source", ["googleplex.example", "notfacebook.com", "example.line", "mybing.org"])
def test_a_site_whose_name_only_resembles_a_known_one_is_not_taken_for_it(source: str) -> None:
    assert channel_group(source, "referral", None) == "Referral"
