"""Rule kinds: one file each, and the table a rules file may choose from.

To add one: a file here with a `Config` and a `Kind` (see `kind.py`), a line in `RULES`, an example in
`deploy/rules.yaml`, a test that tells its story. The contract suite takes it up by itself; where it has nothing to
say with its defaults, or in the lives of that suite, `tests/unit/domain/triggers/lives.py` gets an example and a
visit. A kind from outside the project joins the table by an entry point (`pipeline/kinds.py`).
"""

from __future__ import annotations

from pipeline.domain.triggers.abandoned_browse import AbandonedBrowse
from pipeline.domain.triggers.abandoned_cart import AbandonedCart
from pipeline.domain.triggers.abandoned_checkout import AbandonedCheckout
from pipeline.domain.triggers.abandoned_search import AbandonedSearch
from pipeline.domain.triggers.appointment_reminder import AppointmentReminder
from pipeline.domain.triggers.back_in_stock import BackInStock
from pipeline.domain.triggers.birthday import Birthday
from pipeline.domain.triggers.cross_sell import CrossSell
from pipeline.domain.triggers.event_invitation import EventInvitation
from pipeline.domain.triggers.kind import Kind
from pipeline.domain.triggers.low_balance import LowBalance
from pipeline.domain.triggers.low_stock import LowStock
from pipeline.domain.triggers.loyalty import Loyalty
from pipeline.domain.triggers.near_store import NearStore
from pipeline.domain.triggers.post_purchase import PostPurchase
from pipeline.domain.triggers.price_drop import PriceDrop
from pipeline.domain.triggers.referral import Referral
from pipeline.domain.triggers.replenishment import Replenishment
from pipeline.domain.triggers.segment import SegmentEntered, SegmentLeft
from pipeline.domain.triggers.sequence import Sequence
from pipeline.domain.triggers.service_follow_up import ServiceFollowUp
from pipeline.domain.triggers.upsell import Upsell
from pipeline.domain.triggers.vip import Vip
from pipeline.domain.triggers.welcome import Welcome
from pipeline.domain.triggers.win_back import WinBack

RULES: dict[str, type[Kind]] = {
    "abandoned_browse": AbandonedBrowse,
    "abandoned_cart": AbandonedCart,
    "abandoned_checkout": AbandonedCheckout,
    "abandoned_search": AbandonedSearch,
    "appointment_reminder": AppointmentReminder,
    "back_in_stock": BackInStock,
    "birthday": Birthday,
    "cross_sell": CrossSell,
    "event_invitation": EventInvitation,
    "low_balance": LowBalance,
    "low_stock": LowStock,
    "loyalty": Loyalty,
    "near_store": NearStore,
    "post_purchase": PostPurchase,
    "price_drop": PriceDrop,
    "referral": Referral,
    "replenishment": Replenishment,
    "segment_entered": SegmentEntered,
    "segment_left": SegmentLeft,
    "sequence": Sequence,
    "service_follow_up": ServiceFollowUp,
    "upsell": Upsell,
    "vip": Vip,
    "welcome": Welcome,
    "win_back": WinBack,
}
"""Kind as written in the rules file → its class."""
