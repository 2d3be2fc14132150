"""Back in stock: what a customer waits for can be had again."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.customer.orders import Order
from pipeline.domain.customer.wants import wants_of
from pipeline.domain.events import Item, Scalar
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.messages.waves import ENDLESS, Hearing, Want
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import MINUTE_MS, rfc3339
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import bought_before
from pipeline.domain.triggers.steps import KEPT_UNTIL, Cancel, Fired, Proposal, Step
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`wishes`, `carts`, `viewed`: also who wished for it, has it in a cart, looked at it, not just who asked for word.

    `kept_for`: how long a piece is kept for who is told; then the next in line is.
    """

    wishes: bool = True
    carts: bool = True
    viewed: bool = False
    kept_for_ms: int = 30 * MINUTE_MS


class BackInStock(kind.Kind):
    """Fires when a product is there again that the customer asked to be told of, wished for or has in a cart.

    No more customers are told than there are pieces (all, where it is sold on backorder): who asked first, then who
    wished, then who waits longest; a piece is kept for each for `kept_for`, then the next is told.
    Unless it is there only in other sizes than the one they asked for last, the customer has bought it, or it is gone
    before they could be told. At most once per asking: flapping stock does not repeat. An order we learn of too late
    takes the trigger back.
    """

    config_type = Config
    events = frozenset({"order_completed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._by = (
            Want.STOCK_ALERT
            | (Want.WISH if config.wishes else 0)
            | (Want.CART if config.carts else 0)
            | (Want.VIEWED if config.viewed else 0)
        )
        self._kept_for_ms = config.kept_for_ms

    def hears(self) -> Hearing:
        """Hear of stock for who waits for it."""
        return Hearing(stock=self._by, hold_ms=self._kept_for_ms)

    def on_product(self, news: ProductNews, customer: CustomerView) -> Sequence[Step]:
        """Tell who waits, once."""
        if news.in_stock is None or (news.in_stock > 0 and news.pieces_before is not None):
            return ()
        held = customer.held_about(self.rule, news.sku)
        if news.in_stock <= 0:  # hold no word of what is gone again; who was not told of it waits on
            is_gone = held is not None and _is_of(_size(held), news.size)
            return (Cancel(news.sku, DropReason.SOLD_OUT),) if is_gone else ()
        asked_at_ms, size = self._asking(news.sku, customer)
        if not asked_at_ms or not _is_of(size, news.size):
            return ()
        told_at_ms = customer.mark(self.rule, news.sku)
        if told_at_ms is not None and told_at_ms >= asked_at_ms:
            return ()
        if held is not None and self.on_release(held, customer) is None:
            return ()
        return (self._proposal(news, asked_at_ms),)

    def _proposal(self, news: ProductNews, asked_at_ms: int) -> Proposal:
        return Proposal(
            subject=news.sku,
            # The same pieces are offered again, in another round, to who gave them back and waits anew.
            generation=f"{asked_at_ms}/{news.event_id}/{news.round}",
            due_at_ms=max(news.occurred_at_ms, asked_at_ms),
            about=news.sku,
            since_ms=asked_at_ms,
            caused_by=news.event_id,
            items=(Item(news.sku, attributes={} if news.size is None else {"size": news.size}),),
            context={
                "in_stock": None if news.in_stock == ENDLESS else news.in_stock,
                "size": news.size,
                "place": news.place,
                KEPT_UNTIL: None if news.kept_until_ms is None else rfc3339(news.kept_until_ms),
            },
            reason=_reason(news),
            told_as=news.sku,
        )

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back word of what was bought."""
        return bought_before(fired, order)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who has bought it meanwhile, waits no longer, or for another size."""
        if customer.owned.get(proposal.about, -1) >= proposal.since_ms:
            return DropReason.BOUGHT
        asked_at_ms, size = self._asking(proposal.about, customer)
        return None if asked_at_ms and _is_of(size, _size(proposal)) else DropReason.NOT_SO

    def _asking(self, sku: str, customer: CustomerView) -> tuple[int, str | None]:
        """Return when the customer last asked for it, since they bought it last (0: did not), and for which size."""
        wants = wants_of(customer, sku, self._by)
        return wants.asked_ms(self._by), wants.size(self._by)


def _size(proposal: Proposal) -> Scalar:
    return proposal.context.get("size")


def _is_of(wanted: Scalar, told: Scalar) -> bool:
    """Whether word of one size (None: of all, or it has none) is of the size wanted (None: any)."""
    return wanted is None or told is None or wanted == told


def _reason(news: ProductNews) -> str:
    pieces = f"{news.in_stock} piece{'' if news.in_stock == 1 else 's'}"
    pieces = "as many as are ordered" if news.in_stock == ENDLESS else pieces
    size = "" if news.size is None else f" in size {news.size}"
    reason = f"{news.sku} is there again: {pieces}{size}"
    if news.kept_until_ms is None:
        return reason
    return f"{reason}; told as number {news.place}, one is kept until {rfc3339(news.kept_until_ms)}"
