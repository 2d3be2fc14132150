"""Channel events that the wire's tests share, and random ones."""

from __future__ import annotations

from hypothesis import strategies as st

from pipeline.domain.customer.changes import APPLY
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item

FULL = ChannelEvent(
    event_id="e-1",
    event_type="product_added",
    channel="web",
    occurred_at_ms=1_795_514_400_000,
    identifiers={"account": "u-1", "cookie": "c-9"},
    tenant="shop-a",
    sent_at_ms=1_795_514_401_250,
    session_id="s-1",
    store_id="HH-01",
    order_id="o-1",
    cart_id="c1",
    items=(Item("A", 2, 1_999, "EUR", {"size": "38"}), Item("B")),
    amount_minor=-3_998,
    currency="EUR",
    context=Context("phone", "de-DE", "DE", "Köln", 50.94, 6.94, "Europe/Berlin", "rain", Campaign("google", "cpc")),
    consent={"email": False, "push": True},
    trigger_id="t-1",
    properties={"list": "home", "position": 3, "score": 0.5, "logged_in": True, "coupon": None},
)
SMALLEST = ChannelEvent("e-2", "page_viewed", "web", 1_795_514_400_000, {})

_longs = st.integers(-(2**63), 2**63 - 1)
_times = st.integers(-62_135_596_800_000, 253_402_300_799_999)
"""The years 1 to 9999: more than fastavro cannot say."""
_texts = st.text(max_size=20) | st.sampled_from(["x" * 63, "x" * 64, "ä" * 40, "x" * 9_000])
_maybe = st.none() | _texts
_doubles = st.floats(allow_nan=False)
_items = st.builds(Item, _texts, _longs, st.none() | _longs, _maybe, st.dictionaries(_texts, _texts, max_size=3))
_campaigns = st.builds(Campaign, _maybe, _maybe, _maybe, _maybe, _maybe)
_contexts = st.builds(
    Context, _maybe, _maybe, _maybe, _maybe, st.none() | _doubles, st.none() | _doubles, _maybe, _maybe,
    st.none() | _campaigns,
)  # fmt: skip
EVENTS = st.builds(
    ChannelEvent,
    event_id=_texts,
    event_type=_texts,
    channel=_texts,
    occurred_at_ms=_times,
    identifiers=st.dictionaries(_texts, _texts, max_size=4),
    tenant=_texts,
    sent_at_ms=st.none() | _times,
    session_id=_maybe,
    store_id=_maybe,
    order_id=_maybe,
    cart_id=_maybe,
    items=st.lists(_items, max_size=3).map(tuple),
    amount_minor=st.none() | _longs,
    currency=_maybe,
    context=st.none() | _contexts,
    consent=st.none() | st.dictionaries(_texts, st.booleans(), max_size=3),
    trigger_id=_maybe,
    properties=st.dictionaries(_texts, st.none() | st.booleans() | _longs | _doubles | _texts, max_size=4),
)
"""Every event the schema allows, sensible or not."""

# --- as large as the actors take, and now and then larger --------------------------------------------------------

_sizes = st.sampled_from(["A", "B", " C ", "x" * 256, "\U0001f600" * 256] * 4 + ["a\x1fb", "x" * 257])
_quantities = st.sampled_from([0, 1, 2, 100_000, 100_001, 2**63 - 1])
_worth = st.sampled_from([None, None, 0, 1, 10**8, 10**13, -(10**13), 2**63 - 1])
_currencies = st.sampled_from([None, "EUR", "usd", " "] * 8 + ["\u20ac"])
_large_items = st.builds(
    Item, _sizes, _quantities, _worth, _currencies, st.dictionaries(st.text(max_size=256), _sizes, max_size=20)
)
_plain_items = st.builds(Item, st.sampled_from(["A", "B"]), _quantities, _worth)
LARGE_EVENTS = st.builds(
    ChannelEvent,
    event_id=st.integers(0, 10**9).map(str),
    event_type=st.sampled_from([*APPLY] * 10 + [*EVENT_TYPES, "never_heard_of"]),
    channel=st.sampled_from(["web", "x" * 64, "l\xe4den im netz"]),
    occurred_at_ms=st.integers(0, 90).map(lambda minute: 1_795_514_400_000 + minute * 60_000),
    identifiers=st.dictionaries(st.sampled_from(["account", "Account", "cookie"]), st.just("A") | _sizes, max_size=3),
    cart_id=st.none() | st.sampled_from(["c1", "x" * 256]),
    order_id=st.none() | st.sampled_from(["o1", "x" * 256]),
    items=st.lists(_large_items, max_size=2).map(tuple) | _plain_items.map(lambda item: (item,) * 1_000),
    amount_minor=st.none() | _worth,
    currency=_currencies,
    properties=st.dictionaries(_texts, _longs | _doubles | _texts, max_size=4),
)
"""Events of a few customers, each size at its limit, and now and then beyond."""
