"""A shop made up from a seed: the same seed gives the same customers, visits and events, in time order.

Its customers browse on the site and in the app, log in now or later, fill carts and leave them, buy at once, from
another device, at the till of a store or on the phone, and come back by the links in our e-mails. About one event in
a hundred is delivered twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from msgspec import structs

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item, Scalar
from pipeline.domain.time import HOUR_MS, MINUTE_MS, SECOND_MS
from pipeline.sources.shop_catalogue import BY_SKU, PRODUCTS, Place, Product
from pipeline.sources.shop_customers import Shopper, shopper

CURRENCY: Final = "EUR"
VISITS_PER_HOUR: Final = 0.25
"""Of one customer. Busier than any shop, so that a few hundred customers and a few hours show every behaviour."""
DELIVERED_TWICE: Final = 0.01


def shop(seed: int, customers: int, start_ms: int, hours: float) -> Iterator[ChannelEvent]:
    """Yield what happens in `hours` from `start_ms` on; visits that have begun by then are told to their end."""
    random = Random(f"{seed}:visits")
    number_of_visits = max(1, round(customers * hours * VISITS_PER_HOUR))
    begins = sorted(random.randrange(round(hours * HOUR_MS)) for _ in range(number_of_visits))
    waiting: list[tuple[int, str, ChannelEvent]] = []
    for number, begin_ms in enumerate(begins):
        at_ms = start_ms + begin_ms
        while waiting and waiting[0][0] < at_ms:
            yield heapq.heappop(waiting)[2]
        visit = _Visit(seed, number, shopper(seed, _customer(random, customers)), at_ms)
        for sent_ms, event in visit.tell():
            heapq.heappush(waiting, (sent_ms, f"{event.event_id}/{sent_ms}", event))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _customer(random: Random, customers: int) -> int:
    """Draw who comes: some far more often than others."""
    return min(int(random.random() ** 2 * customers), customers - 1)


class _Visit:
    """One story of one customer, told event by event."""

    def __init__(self, seed: int, number: int, who: Shopper, at_ms: int) -> None:
        self._random = Random(f"{seed}:{number}")
        self._id = f"shop{seed}-{number:06d}"
        self._who = who
        self._now_ms = at_ms
        self._logged_in = False
        self._told: list[tuple[int, ChannelEvent]] = []

    def tell(self) -> list[tuple[int, ChannelEvent]]:
        """Return (when it is delivered, event), in no order."""
        stories: tuple[tuple[Callable[[], None], int], ...] = (
            (self._browse, 34),
            (self._buy_at_once, 20),
            (self._leave_the_cart, 24),
            (self._buy_in_store, 12),
            (self._come_from_email, 7),
            (self._call, 3),
        )
        self._random.choices([story for story, _ in stories], [weight for _, weight in stories])[0]()
        return self._told

    # --- stories ------------------------------------------------------------------------------------------------

    def _browse(self) -> None:
        for product in self._interests():
            self._look_at(product)
        if self._random.random() < 0.3:
            self._log_in()

    def _buy_at_once(self) -> None:
        items = self._fill_cart()
        self._log_in()
        self._check_out(items)

    def _leave_the_cart(self) -> None:
        """The cart stays behind; some come back for it: on another device, or in a store, where no cart is named."""
        if self._random.random() < 0.7:
            self._log_in()
        items = self._fill_cart()
        if len(items) > 1 and self._random.random() < 0.25:
            self._say("product_removed", items=items[-1:], cart_id=self._cart_id)
            items = items[:-1]
        fate = self._random.random()
        if fate < 0.2:
            self._pass(25, 100)
            self._pay_in_store(items)
        elif fate < 0.35:
            self._pass(15, 90)
            self._logged_in = True
            self._check_out(items, device=1)
        elif fate < 0.4:
            self._say("cart_emptied", cart_id=self._cart_id)

    def _buy_in_store(self) -> None:
        self._pay_in_store(self._basket())

    def _come_from_email(self) -> None:
        who = self._who
        campaign = Campaign(source="newsletter", medium="email", name="november")
        self._say("email_opened", channel="email", identifiers={"email": who.email})
        self._pass(0.1, 2)
        identifiers = {"email": who.email, "cookie": who.cookies[-1]}
        self._say("email_link_clicked", channel="email", identifiers=identifiers, campaign=campaign)
        self._logged_in = True
        if self._random.random() < 0.5:
            self._check_out(self._fill_cart())
        else:
            self._look_at(self._random.choice(PRODUCTS))

    def _call(self) -> None:
        identifiers = {"phone": self._who.phone, "account": self._who.account}
        properties: dict[str, Scalar] = {"topic": self._random.choice(("delivery", "return", "advice"))}
        self._say("call_started", channel="call_center", identifiers=identifiers, properties=properties)
        self._pass(2, 12)
        if properties["topic"] == "advice" and self._random.random() < 0.6:
            self._order(self._basket(), channel="call_center", identifiers=identifiers)
        self._say("call_ended", channel="call_center", identifiers=identifiers)

    # --- parts of stories ---------------------------------------------------------------------------------------

    @property
    def _cart_id(self) -> str:
        return f"cart-{self._id}"

    def _interests(self) -> list[Product]:
        """One to four products of the shelf that this customer likes, or now and then of any."""
        shelf = [product for product in PRODUCTS if product.category.startswith(self._who.likes)]
        return [
            self._random.choice(shelf if self._random.random() < 0.8 else PRODUCTS)
            for _ in range(self._random.randint(1, 4))
        ]

    def _basket(self) -> tuple[Item, ...]:
        """A product and what goes with it, more often than not."""
        liked = self._interests()
        first = self._random.choice([product for product in liked if product.goes_with] or liked)
        products = [first]
        products += [BY_SKU[sku] for sku in first.goes_with if self._random.random() < 0.55]
        return tuple(self._line(product) for product in products)

    def _line(self, product: Product) -> Item:
        size = self._random.choice(product.sizes) if product.sizes else None
        quantity = 2 if product.price_minor < 2500 and self._random.random() < 0.2 else 1
        attributes = {"size": size} if size else {}
        return Item(product.sku, quantity, product.price_minor, CURRENCY, attributes)

    def _look_at(self, product: Product) -> None:
        line = Item(product.sku, 1, product.price_minor, CURRENCY)
        self._say("product_viewed", items=(line,), properties={"category": product.category, "name": product.name})
        self._pass(0.2, 3)

    def _log_in(self) -> None:
        if not self._logged_in:
            self._logged_in = True
            self._say("identified", identifiers={**self._identifiers(), "email": self._who.email})
            self._pass(0.1, 1)

    def _fill_cart(self) -> tuple[Item, ...]:
        items = self._basket()
        for item in items:
            self._look_at(BY_SKU[item.sku])
            self._say("product_added", items=(item,), cart_id=self._cart_id)
            self._pass(0.5, 5)
        return items

    def _check_out(self, items: tuple[Item, ...], device: int = 0) -> None:
        self._say("checkout_started", items=items, cart_id=self._cart_id, device=device)
        self._pass(1, 6)
        self._order(items, cart_id=self._cart_id, device=device)

    def _pay_in_store(self, items: tuple[Item, ...]) -> None:
        who = self._who
        identifiers = {"loyalty": who.loyalty} if who.loyalty else {"payment_token": who.payment_token}
        if who.loyalty:
            self._say("store_entered", channel="store_sensor", identifiers=identifiers, store=who.place)
            self._pass(5, 25)
        identifiers = {**identifiers, "payment_token": who.payment_token}
        if who.shows_account_in_store:
            identifiers["account"] = who.account
        self._order(items, channel="pos", identifiers=identifiers, store=who.place)

    def _order(
        self,
        items: tuple[Item, ...],
        channel: str | None = None,
        identifiers: dict[str, str] | None = None,
        cart_id: str | None = None,
        store: Place | None = None,
        device: int = 0,
    ) -> None:
        self._say("order_completed", channel, identifiers, items, cart_id=cart_id, store=store, device=device)

    def _pass(self, least_minutes: float, most_minutes: float) -> None:
        """Let time go by."""
        self._now_ms += round(self._random.uniform(least_minutes, most_minutes) * MINUTE_MS)

    def _identifiers(self, device: int = 0) -> dict[str, str]:
        where = self._who.cookies[device % len(self._who.cookies)]
        seen = {"device": self._who.device} if self._who.prefers_app and device == 0 else {"cookie": where}
        return {**seen, "account": self._who.account} if self._logged_in else seen

    def _say(
        self,
        event_type: str,
        channel: str | None = None,
        identifiers: dict[str, str] | None = None,
        items: tuple[Item, ...] = (),
        *,
        cart_id: str | None = None,
        store: Place | None = None,
        campaign: Campaign | None = None,
        properties: dict[str, Scalar] | None = None,
        device: int = 0,
    ) -> None:
        """Tell one event, of the device in use if nothing else is said."""
        who = self._who
        at_home = channel is None
        channel = channel or ("app" if who.prefers_app and device == 0 else "web")
        is_order = event_type == "order_completed"
        event_id = f"{self._id}-{len(self._told):03d}"
        event = ChannelEvent(
            event_id=event_id,
            event_type=event_type,
            channel=channel,
            occurred_at_ms=self._now_ms,
            identifiers=identifiers or self._identifiers(device),
            session_id=f"s-{self._id}-{device}" if at_home else None,
            store_id=store.store_id if store else None,
            order_id=f"o-{event_id}" if is_order else None,
            cart_id=cart_id,
            items=items,
            amount_minor=sum(item.quantity * (item.unit_price_minor or 0) for item in items) if is_order else None,
            currency=CURRENCY if is_order else None,
            context=self._context(store, campaign, ("phone" if who.prefers_app else "desktop") if at_home else None),
            properties=properties or {},
        )
        self._told.append((self._now_ms, event))
        if self._random.random() < DELIVERED_TWICE:
            again_ms = self._now_ms + self._random.randint(1, 90) * SECOND_MS
            self._told.append((again_ms, structs.replace(event, sent_at_ms=again_ms)))

    def _context(self, store: Place | None, campaign: Campaign | None, device: str | None) -> Context:
        return Context(
            device=device,
            locale="de-DE",
            country="DE",
            city=self._who.place.city,
            latitude=store.latitude if store else None,
            longitude=store.longitude if store else None,
            time_zone="Europe/Berlin",
            campaign=campaign,
        )
