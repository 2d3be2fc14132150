"""Conditions on who a customer is, where they were met, what they agreed to and what they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from pipeline.domain.channels import ADDRESS_KIND
from pipeline.domain.conditions.word import Numbers, Word, any_of_text, between, bounds_text, check_bounds
from pipeline.domain.events import Scalar
from pipeline.domain.identity.hashed import is_hashed
from pipeline.domain.triggers.view import CustomerView

Channel: TypeAlias = Annotated[str, Meta(extra={"one_of": tuple(ADDRESS_KIND)})]
Texts: TypeAlias = tuple[str, ...]


class Trait(Word, frozen=True):
    """What the customer told of themselves is this, one of these, or a number within bounds; known at all, if not said.

    Capitals do not matter.
    """

    EXAMPLE: ClassVar[str] = "{trait: country, in: [DE, AT]}"

    trait: str
    is_: str | None = None
    in_: Texts = ()
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        bounded = self.at_least is not None or self.at_most is not None
        if sum((self.is_ is not None, bool(self.in_), bounded)) > 1:
            raise ValueError("say one of is, in, and at_least with at_most")
        if bounded:
            check_bounds(self.at_least, self.at_most)

    @property
    def text(self) -> str:
        """Which, and what of it."""
        words = _words(self.is_, self.in_)
        if words:
            return f"{self.trait} is {any_of_text(words)}"
        if self.at_least is None and self.at_most is None:
            return f"{self.trait} is known"
        return f"{self.trait} is {bounds_text(self.at_least, self.at_most)}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is so."""
        traits = customer.facets.traits
        value = None if traits is None else traits.value(self.trait)
        if value is None:
            return False
        words = _words(self.is_, self.in_)
        if words:
            return _is_one_of(value, words)
        if self.at_least is None and self.at_most is None:
            return True
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and between(float(value), self.at_least, self.at_most)


class Met(Word, frozen=True):
    """Where and how the customer was last met is this, or one of these. Capitals do not matter."""

    EXAMPLE: ClassVar[str] = "{situation: device, is: phone}"

    situation: Literal["device", "locale", "country", "city", "time_zone", "weather"]
    is_: str | None = None
    in_: Texts = ()

    def __post_init__(self) -> None:
        if (self.is_ is not None) is bool(self.in_):
            raise ValueError("say is or in, as in {situation: device, is: phone}")

    @property
    def text(self) -> str:
        """Which, and what of it."""
        return f"{self.situation} is {any_of_text(_words(self.is_, self.in_))}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is so."""
        situation = customer.facets.situation
        return situation is not None and _is_one_of(situation.text(self.situation), _words(self.is_, self.in_))


class Tier(Word, frozen=True):
    """The customer's loyalty tier is one of these. Capitals do not matter."""

    EXAMPLE: ClassVar[str] = "{tier: [gold, platinum]}"

    tier: Annotated[Texts, Meta(min_length=1)]

    @property
    def text(self) -> str:
        """Which."""
        return f"tier is {any_of_text(self.tier)}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is."""
        loyalty = customer.facets.loyalty
        return loyalty is not None and _is_one_of(loyalty.tier_name, self.tier)


class Points(Word, frozen=True):
    """The customer has so many loyalty points."""

    EXAMPLE: ClassVar[str] = "{points: {at_least: 100}}"

    points: Numbers

    @property
    def text(self) -> str:
        """How many."""
        return f"{self.points.text} points"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is that many."""
        loyalty = customer.facets.loyalty
        return self.points.hold(0 if loyalty is None else loyalty.points)


class Stage(Word, frozen=True):
    """The customer's journey is in this stage."""

    EXAMPLE: ClassVar[str] = "{stage: consideration}"

    stage: Literal["awareness", "consideration", "purchase", "use", "support"]

    @property
    def text(self) -> str:
        """Which."""
        return f"in the stage {self.stage}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is."""
        return customer.facets.stage == self.stage


class Agreed(Word, frozen=True):
    """The customer said yes to this channel, purpose, or both (`email:marketing`); `is:` denied, or unknown."""

    EXAMPLE: ClassVar[str] = "{consent: email}"

    consent: str
    is_: Literal["granted", "denied", "unknown"] = "granted"

    @property
    def text(self) -> str:
        """To what."""
        return f"consent to {self.consent} is {self.is_}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is so."""
        permissions = customer.facets.permissions
        word = None if permissions is None else permissions.word(self.consent)
        return self.is_ == ("unknown" if word is None else "granted" if word else "denied")


class Subscribed(Word, frozen=True):
    """The customer is on this list (a newsletter)."""

    EXAMPLE: ClassVar[str] = "{subscribed: newsletter}"

    subscribed: str

    @property
    def text(self) -> str:
        """To what."""
        return f"subscribed to {self.subscribed}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is so."""
        permissions = customer.facets.permissions
        word = None if permissions is None else permissions.subscriptions.get(self.subscribed)
        return word is not None and word.granted


class Address(Word, frozen=True):
    """The customer can be reached by this channel: an address for it is known, and not by its hash alone."""

    EXAMPLE: ClassVar[str] = "{address: email}"

    address: Channel

    @property
    def text(self) -> str:
        """By what."""
        return f"has an address for {self.address}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is so."""
        links = customer.identifiers.get(ADDRESS_KIND[self.address], {})
        return any(link.linked and not is_hashed(value) for value, link in links.items())


class Has(Word, frozen=True):
    """There is an open cart, an open support case, a wish, a voucher that may be used, or an appointment to come."""

    EXAMPLE: ClassVar[str] = "{has: open_case}"

    has: Literal["open_cart", "open_case", "wish", "voucher", "appointment"]

    @property
    def text(self) -> str:
        """What."""
        return f"has an {self.has.replace('_', ' ')}" if self.has[0] in "ao" else f"has a {self.has}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether there is one."""
        facets = customer.facets
        match self.has:
            case "open_cart":
                return any(cart.is_open for cart in customer.carts.values())
            case "open_case":
                return facets.service is not None and facets.service.has_open_case
            case "wish":
                return facets.interests is not None and any(wish.wished for wish in facets.interests.wishes.values())
            case "voucher":
                vouchers = () if facets.loyalty is None else facets.loyalty.vouchers.values()
                unused = (voucher for voucher in vouchers if not voucher.used_at_ms)
                return any(voucher.expires_at_ms is None or at_ms < voucher.expires_at_ms for voucher in unused)
            case "appointment":
                booked = () if facets.service is None else facets.service.appointments.values()
                return any(each.state == "booked" and at_ms < each.at_ms for each in booked)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when vouchers run out, or appointments begin."""
        facets = customer.facets
        if self.has == "voucher" and facets.loyalty is not None:
            return [v.expires_at_ms for v in facets.loyalty.vouchers.values() if v.expires_at_ms is not None]
        if self.has == "appointment" and facets.service is not None:
            return [each.at_ms for each in facets.service.appointments.values()]
        return ()


class StepDone(Word, frozen=True):
    """The customer did this step of a form or flow, in whatever channel."""

    EXAMPLE: ClassVar[str] = "{step_done: address_entered}"

    step_done: str

    @property
    def text(self) -> str:
        """Which."""
        return f"step {self.step_done} is done"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is."""
        service = customer.facets.service
        return service is not None and self.step_done in service.steps


def _words(is_: str | None, in_: Texts) -> Texts:
    return in_ if is_ is None else (is_,)


def _is_one_of(value: Scalar, words: Texts) -> bool:
    if isinstance(value, bool):
        return str(value).lower() in map(str.lower, words)
    if isinstance(value, int | float):
        return any(value == number for word in words if (number := _number(word)) is not None)
    return value is not None and value.casefold() in map(str.casefold, words)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
