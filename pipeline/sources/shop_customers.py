"""The customers of the synthetic shop: each a function of the shop's seed and a number."""

from __future__ import annotations

import unicodedata
from random import Random

from msgspec import Struct

from pipeline.sources.shop_catalogue import FIRST_NAMES, LAST_NAMES, PLACES, Place

_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ı": "i", "đ": "d"})


class Shopper(Struct, frozen=True):
    """One customer: how they can be recognised, where they live, what they like (a category's beginning)."""

    number: int
    name: str
    account: str
    email: str
    phone: str
    cookies: tuple[str, ...]
    device: str
    loyalty: str | None
    payment_token: str
    place: Place
    likes: str
    prefers_app: bool
    shows_account_in_store: bool


def shopper(seed: int, number: int) -> Shopper:
    """Return customer `number` of the shop of `seed`."""
    random = Random(f"{seed}:customer:{number}")
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    return Shopper(
        number=number,
        name=f"{first} {last}",
        account=f"u-{10_000 + number}",
        email=f"{_ascii(first)}.{_ascii(last)}{number}@example.com",
        phone=f"+4915{random.randrange(10**8, 10**9)}",
        cookies=tuple(f"ck-{random.getrandbits(48):012x}" for _ in range(random.choice((1, 2, 2)))),
        device=f"dev-{random.getrandbits(48):012x}",
        loyalty=f"L-{500_000 + number}" if random.random() < 0.4 else None,
        payment_token=f"tok-{random.getrandbits(40):010x}",
        place=random.choice(PLACES),
        likes=random.choice(("kitchen", "running", "travel")),
        prefers_app=random.random() < 0.35,
        shows_account_in_store=random.random() < 0.6,
    )


def _ascii(name: str) -> str:
    """The name as people write it in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(_SPELLED_OUT))
    return plain.encode("ascii", "ignore").decode()
