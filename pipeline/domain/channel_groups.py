"""Marketing channel of a visit, from what its link said: GA4's default channel grouping for manual traffic.

The rules and their order are those of https://support.google.com/analytics/answer/9756891: the first that holds
decides, and case does not matter. Google's lists of search, social, video and shopping sites have some 800 entries;
here they are the names by which the larger ones go, found in any part of a source but its last: `google`,
`www.google.de`, `m.facebook.com`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

UNASSIGNED: Final = "Unassigned"
CHANNEL_GROUPS: Final = (
    *("Direct", "Cross-network", "Paid Shopping", "Paid Search", "Paid Social", "Paid Video", "Display", "Paid Other"),
    *("Organic Shopping", "Organic Social", "Organic Video", "Organic Search", "Referral", "Email", "Affiliates"),
    *("Audio", "SMS", "Mobile Push Notifications", UNASSIGNED),
)
"""All that `channel_group` may say, in the order of the rules."""

REMEMBERED: Final = 10_000
"""Links of so many campaigns; an event then costs a look-up instead of a dozen comparisons."""

_PAID: Final = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
_SHOPPING_NAME: Final = re.compile(r"^(.*(([^a-df-z]|^)shop|shopping).*)$")
_VIDEO_MEDIUM: Final = re.compile(r"^(.*video.*)$")
_EMAIL: Final = frozenset({"email", "e-mail", "e_mail", "e mail"})
_DISPLAY: Final = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL_MEDIUM: Final = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})

_SITES: Final = {
    "Shopping": (
        "alibaba, aliexpress, amazon, ebay, etsy, google shopping, googleshopping, idealo, mercadolibre, "
        "mercadolivre, otto, rakuten, shopify, shopzilla, shopping.google.com, taobao, temu, tmall, walmart, "
        "zalando"
    ),
    "Search": (
        "360.cn, alice, aol, ask, avg, babylon, baidu, bing, biglobe, conduit, daum, dogpile, duckduckgo, "
        "ecosia, ekolay, exalead, google, lycos, naver, onet, qwant, rambler, seznam, so.com, sogou, "
        "startpage, startsiden, swisscows, terra, virgilio, yahoo, yandex, yippy"
    ),
    "Social": (
        "badoo, bsky, bluesky, discord, facebook, fb, flickr, foursquare, hootsuite, ig, instagram, kakao, "
        "line, linkedin, livejournal, lnkd.in, mastodon, medium, meetup, messenger, myspace, nextdoor, ok.ru, "
        "pinterest, quora, reddit, snapchat, t.co, telegram, threads, tiktok, tumblr, twitter, viadeo, vk, "
        "vkontakte, weibo, wechat, whatsapp, wordpress, x.com, xing, yammer, yelp"
    ),
    "Video": (
        "crackle, curiositystream, dailymotion, disneyplus, hulu, iqiyi, netflix, ted, twitch, utreon, veoh, "
        "vimeo, wistia, youku, youtu.be, youtube"
    ),
}
SITE_KINDS: Final = {site: kind for kind, sites in _SITES.items() for site in sites.split(", ")}
"""What each of the sites is known for."""


@lru_cache(REMEMBERED)
def channel_group(source: str | None, medium: str | None, campaign_name: str | None) -> str:
    """Return the group of a visit; empty where its link said nothing at all.

    >>> channel_group("google", "cpc", "autumn"), channel_group("newsletter", "email", None)
    ('Paid Search', 'Email')
    """
    source, medium, name = (_plain(each) for each in (source, medium, campaign_name))
    if not (source or medium or name):
        return ""
    if source == "(direct)" and medium in ("(not set)", "(none)"):
        return "Direct"
    if "cross-network" in name:
        return "Cross-network"
    site = _site(source)
    if _SHOPPING_NAME.match(name):
        site = "Shopping"
    return _paid(site, medium) or _organic(site, medium) or _other(source, medium)


def _plain(told: str | None) -> str:
    return (told or "").strip().lower()


def _site(source: str) -> str:
    """Return what a site is known for, by its whole name or by a part of its host's: Search, Social …, or nothing."""
    host = source.removeprefix("www.")
    found = SITE_KINDS.get(host)
    if found is None:
        found = next((SITE_KINDS[part] for part in host.split(".")[:-1] if part in SITE_KINDS), "")
    return found


def _paid(site: str, medium: str) -> str:
    paid = bool(_PAID.match(medium))
    if site and paid:
        return f"Paid {site}"
    if medium in _DISPLAY:
        return "Display"
    return "Paid Other" if paid else ""


def _organic(site: str, medium: str) -> str:
    if site == "Shopping":
        return "Organic Shopping"
    if site == "Social" or medium in _SOCIAL_MEDIUM:
        return "Organic Social"
    if site == "Video" or _VIDEO_MEDIUM.match(medium):
        return "Organic Video"
    return "Organic Search" if site == "Search" or medium == "organic" else ""


def _other(source: str, medium: str) -> str:
    if medium in ("referral", "app", "link"):
        return "Referral"
    if source in _EMAIL or medium in _EMAIL:
        return "Email"
    if medium == "affiliate":
        return "Affiliates"
    if medium == "audio":
        return "Audio"
    if "sms" in (source, medium):
        return "SMS"
    pushed = medium.endswith("push") or "mobile" in medium or "notification" in medium
    return "Mobile Push Notifications" if pushed or source == "firebase" else UNASSIGNED
