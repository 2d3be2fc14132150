"""Points, tier, vouchers and referrals."""

from __future__ import annotations

from typing import ClassVar, Self

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import (
    Json,
    Known,
    latest_of,
    moment_of,
    newest,
    text_of,
    whole_number_of,
)
from pipeline.domain.facets.ledger import Ledger
from pipeline.domain.referral_codes import is_word_to_sender, referral_code
from pipeline.domain.time import rfc3339

ACCOUNTS_KEPT = 4
"""Loyalty accounts per customer: merged customers may have had one each. The one used longest ago goes first."""
EXPIRIES_KEPT = 12
"""Dates on which points run out: monthly batches of a year. Those that have passed go, then the latest."""
VOUCHERS_KEPT = 20
"""Vouchers and rewards. The one told longest ago goes first."""
REFERRALS_KEPT = 20
"""Referral codes sent or used. The one told longest ago goes first."""


class Voucher(Struct, frozen=True, array_like=True, gc=False):
    """A voucher or reward: told at (ms, 0: only its use was), valid until (None: not told), used at (0: not)."""

    at_ms: int = 0
    expires_at_ms: int | None = None
    used_at_ms: int = 0


class Referral(Struct, frozen=True, array_like=True, gc=False):
    """A referral code: sent by this customer, used by them, redeemed by a friend they sent it to (ms, 0: not)."""

    sent_at_ms: int = 0
    used_at_ms: int = 0
    redeemed_at_ms: int = 0


class Loyalty(Struct, frozen=True, array_like=True, gc=False):
    """`accounts` has the points by loyalty id ("" where none is told). `tier` is the latest told.

    `expiries` maps when points run out (ms) to how many. `vouchers` and `referrals` by code.
    """

    EVENTS: ClassVar[frozenset[str] | None] = frozenset(
        {
            "points_earned", "points_redeemed", "tier_changed", "voucher_issued", "voucher_redeemed", "referral_sent",
            "referral_redeemed", "coupon_applied", "identified",
        }
    )  # fmt: skip

    accounts: dict[str, Ledger] = {}
    tier: Known | None = None
    expiries: dict[int, int] = {}
    vouchers: dict[str, Voucher] = {}
    referrals: dict[str, Referral] = {}

    @property
    def points(self) -> int:
        """Return the points of all accounts."""
        return sum(ledger.balance for ledger in self.accounts.values())

    @property
    def tier_name(self) -> str | None:
        """Return the present tier."""
        return None if self.tier is None or self.tier[0] is None else str(self.tier[0])

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Add or take points, note tier, vouchers and referrals."""
        news = type(self)()
        event_type = event.event_type
        if event_type in ("referral_sent", "referral_redeemed"):
            code = referral_code(event)
        else:
            code = text_of(event, "code", "voucher_code", "coupon_id", "coupon_code")
        if event_type in ("points_earned", "points_redeemed"):
            news = self._points(event, at_ms)
        elif event_type in ("tier_changed", "identified"):
            tier = text_of(event, "tier", "loyalty_tier")
            if tier is not None:
                news = type(self)(tier=(tier, at_ms))
        elif code is None:
            return self
        elif event_type == "voucher_issued":
            news = type(self)(vouchers={code: Voucher(at_ms, moment_of(event, "expires_at"))})
        elif event_type in ("voucher_redeemed", "coupon_applied"):
            if event_type == "voucher_redeemed" or code in self.vouchers:
                news = type(self)(vouchers={code: Voucher(used_at_ms=at_ms)})
        elif event_type == "referral_sent":
            news = type(self)(referrals={code: Referral(sent_at_ms=at_ms)})
        else:
            # The friend's event tells the friend's own use; the shop's word to the sender says by_friend.
            by_friend = is_word_to_sender(event)
            news = type(self)(
                referrals={code: Referral(redeemed_at_ms=at_ms) if by_friend else Referral(used_at_ms=at_ms)}
            )
        return self if news == type(self)() else self.united(news)

    def _points(self, event: ChannelEvent, at_ms: int) -> Self:
        points, balance = whole_number_of(event, "points"), whole_number_of(event, "balance")
        ledger = Ledger()
        if points:
            ledger = ledger.moved(abs(points) if event.event_type == "points_earned" else -abs(points), at_ms)
        if balance is not None:
            ledger = ledger.was_told(balance, at_ms)
        account = event.identifiers.get("loyalty", "")
        expires_at_ms = moment_of(event, "expires_at")
        expiries = {expires_at_ms: abs(points)} if expires_at_ms is not None and points else {}
        return type(self)(accounts={account: ledger} if ledger != Ledger() else {}, expiries=expiries)

    def united(self, other: Self) -> Self:
        """All accounts; the later tier; all expiries, vouchers and referrals; of one code each of its latest times."""
        accounts = dict(self.accounts)
        for account, ledger in other.accounts.items():
            accounts[account] = accounts[account].united(ledger) if account in accounts else ledger
        tiers = [{"tier": tier} for tier in (self.tier, other.tier) if tier is not None]
        last_ms = max((ledger.last_at_ms for ledger in accounts.values()), default=0)
        expiries = {
            at_ms: self.expiries.get(at_ms, 0) + other.expiries.get(at_ms, 0)
            for at_ms in sorted(self.expiries.keys() | other.expiries.keys())
            if at_ms > last_ms
        }
        vouchers = dict(self.vouchers)
        for code, theirs in other.vouchers.items():
            ours = vouchers.get(code, Voucher())
            told = max(ours, theirs, key=lambda voucher: (voucher.at_ms, voucher.expires_at_ms or 0))
            vouchers[code] = replace(told, used_at_ms=max(ours.used_at_ms, theirs.used_at_ms))
        referrals = dict(self.referrals)
        for code, referral in other.referrals.items():
            known = referrals.get(code, Referral())
            referrals[code] = Referral(
                max(known.sent_at_ms, referral.sent_at_ms),
                max(known.used_at_ms, referral.used_at_ms),
                max(known.redeemed_at_ms, referral.redeemed_at_ms),
            )
        return type(self)(
            newest(dict(sorted(accounts.items())), ACCOUNTS_KEPT, lambda ledger: ledger.last_at_ms),
            latest_of(*tiers)["tier"] if len(tiers) == 2 else self.tier or other.tier,
            dict(list(expiries.items())[:EXPIRIES_KEPT]),
            newest(dict(sorted(vouchers.items())), VOUCHERS_KEPT, lambda v: max(v.at_ms, v.used_at_ms)),
            newest(dict(sorted(referrals.items())), REFERRALS_KEPT, _told_at_ms),
        )

    def json(self) -> Json:
        """Return all, by name."""
        return {
            "expiries": {rfc3339(at_ms): points for at_ms, points in sorted(self.expiries.items())},
            "points": self.points,
            "referrals": {
                code: {
                    "redeemed_at": _time(referral.redeemed_at_ms),
                    "sent_at": _time(referral.sent_at_ms),
                    "used_at": _time(referral.used_at_ms),
                }
                for code, referral in sorted(self.referrals.items())
            },
            "tier": self.tier_name,
            "vouchers": {
                code: {"expires_at": _time(voucher.expires_at_ms or 0), "used_at": _time(voucher.used_at_ms)}
                for code, voucher in sorted(self.vouchers.items())
            },
        }


def _told_at_ms(referral: Referral) -> int:
    return max(referral.sent_at_ms, referral.used_at_ms, referral.redeemed_at_ms)


def _time(at_ms: int) -> str | None:
    return rfc3339(at_ms) if at_ms else None
