"""Every claim is answered, by the wall clock too, whatever merges, logins and undoings come between: until then a
customer's messages wait, and on the event clock its time stands still."""

from __future__ import annotations

from collections import defaultdict, deque
from random import Random
from typing import Any, Self
from zlib import crc32

import pytest
from msgspec import Raw, msgpack
from msgspec.structs import replace

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityActor, IdentityState, founded_by
from pipeline.domain.identity.claims import is_claiming
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.effects import Effect, Send
from pipeline.domain.messages.keys import Identifier, customer_key, identity_key
from pipeline.domain.messages.to_customer import Arrived, ArrivedRaw, Complements
from pipeline.domain.messages.to_identity import Claim, Observed
from pipeline.domain.rules.in_force import Rules
from tests.simulation.days import MIA, NIA

NOON = 1_795_521_600_000
CONFIG = IdentityConfig()
NUMBER = "+491701234567"


class Town:
    """Identity and customers on some partitions, each with one inbox; claims on a `slow` identifier wait."""

    def __init__(self, seed: int = 0, partitions: int = 1) -> None:
        self.identity, self.customer = IdentityActor(CONFIG), CustomerActor(Rules("", ()), "wall", CONFIG)
        self.shards: dict[str, IdentityState | None] = {}
        self.states: dict[str, CustomerState | None] = {}
        self.inboxes: dict[tuple[str, int], deque[Send]] = defaultdict(deque)
        self.chance, self.partitions, self.events = Random(seed), partitions, 0
        self.slow, self.waiting = "", list[Effect]()

    def tell(self, event_type: str = "page_viewed", **identifiers: str) -> Self:
        self.events += 1
        event_id, at_ms = f"e-{self.events}", NOON + self.events * 1_000
        pairs = CONFIG.strongest_first(identifiers)
        event = Raw(msgpack.encode(ChannelEvent(event_id, event_type, "web", at_ms, identifiers)))
        seen = Observed("default", pairs, event_id, at_ms, at_ms, 1, event)
        return self._put((Send("identity", identity_key("default", pairs[0]), seen),))

    def at(self, event_type: str = "page_viewed", **identifiers: str) -> Self:
        """Tell an event, and let all happen that comes of it."""
        return self.tell(event_type, **identifiers).all()

    def all(self) -> Self:
        steps = 0
        while self.step():
            steps += 1
            assert steps < 10_000
        return self

    def answered(self) -> Self:
        """Let what was slow go on."""
        self.slow = ""
        return self._put(self.waiting).all()

    def step(self) -> bool:
        """Handle the next message of some inbox; tell whether there was one."""
        full = sorted(name for name, inbox in self.inboxes.items() if inbox)
        if not full:
            return False
        sent = self.inboxes[self.chance.choice(full)].popleft()
        message: Any = sent.message
        if isinstance(message, Claim) and message.identifier[1] == self.slow:
            self.waiting.append(sent)
        elif sent.actor == "identity":
            self.shards[sent.key], effects = self.identity.handle(self.shards.get(sent.key), message, NOON)
            self._put(effects)
        else:
            if isinstance(message, ArrivedRaw):
                fields = {name: getattr(message, name) for name in ArrivedRaw.__struct_fields__}
                message = Arrived(**{**fields, "event": msgpack.decode(message.event, type=ChannelEvent)})
            self.states[sent.key], effects = self.customer.handle(self.states.get(sent.key), message, NOON)
            self._put(effects)
        return True

    def of(self, kind: str, value: str) -> CustomerState:
        """Return the customer that an identifier founded."""
        customer_id = founded_by("default", (kind, value))
        return next(each for each in self.states.values() if each is not None and each.customer_id == customer_id)

    def claiming(self) -> list[CustomerState]:
        return [each for each in self.states.values() if each is not None and is_claiming(each)]

    def owners(self) -> dict[Identifier, int]:
        """Return how many customers have each identifier."""
        owners: dict[Identifier, int] = defaultdict(int)
        for state in self.states.values():
            for kind, links in () if state is None else state.identifiers.items():
                for value in links:
                    owners[kind, value] += 1
        return owners

    def _put(self, effects: Any) -> Self:
        for effect in effects:
            if isinstance(effect, Send):
                partition = crc32(effect.key.encode()) % self.partitions
                self.inboxes[effect.actor, partition].append(effect)
        return self


def crowd(seed: int, *, undone: bool) -> Town:
    """Return what came of a few people whose devices, addresses and numbers cross, with messages in any order."""
    chance = Random(seed)
    town = Town(seed, chance.choice((1, 3, 8)))
    for _ in range(chance.randint(5, 25)):
        person = chance.randrange(4)
        known = {
            "account": f"u{person}",
            "loyalty": f"l{person}",
            "email": f"m{person if chance.random() < 0.8 else chance.randrange(4)}@example.com",
            "phone": f"+4917012345{person if chance.random() < 0.9 else chance.randrange(4)}",
            "cookie": f"c{chance.randrange(5)}",
        }
        kinds = chance.sample(sorted(known), chance.choice((1, 2, 2, 3)))
        if undone and chance.random() < 0.25:
            town.tell("merge_undone", **{kinds[0]: known[kinds[0]]})
        else:
            town.tell(**{kind: known[kind] for kind in kinds})
        for _ in range(chance.choice((0, 1, 3, 10, 60))):
            town.step()
    return town.all()


@pytest.mark.parametrize("seed", range(0, 600, 20))
def test_every_claim_is_answered_and_every_identifier_is_of_one_customer_whatever_competes(seed: int) -> None:
    for town in (crowd(number, undone=False) for number in range(seed, seed + 20)):
        assert town.claiming() == []
        assert {identifier: number for identifier, number in town.owners().items() if number > 1} == {}


@pytest.mark.parametrize("seed", range(0, 400, 20))
def test_every_claim_is_answered_though_merges_are_undone_meanwhile(seed: int) -> None:
    for town in (crowd(number, undone=True) for number in range(seed, seed + 20)):
        assert town.claiming() == []


def test_b8_what_goes_with_a_purchase_of_one_side_is_told_to_her_though_the_answer_comes_once_they_are_parted() -> None:
    town = Town().at(email=MIA).at(account="u1", email=NIA).at(account="u1", email=MIA)
    mia, nia = town.of("email", MIA).customer_id, town.of("account", "u1").customer_id
    town.at("merge_undone", email=MIA)
    asked = Complements("default", nia, "A", (), "e-9", NOON, "web", part=mia)

    _, effects = town.customer.handle(town.of("account", "u1"), asked, NOON)

    assert effects == (Send("customer", customer_key("default", mia), replace(asked, customer_id=mia)),)


def known(customer: CustomerState) -> set[Identifier]:
    return {(kind, value) for kind, links in customer.identifiers.items() for value in links if kind != "cookie"}


@pytest.mark.parametrize("owner", [{}, {"account": "u2"}, {"cookie": "c-1"}])
def test_b8_a_number_that_one_side_has_just_named_is_never_the_others_once_they_are_parted(
    owner: dict[str, str],
) -> None:
    town = Town().at(email=MIA).at(account="u1", email=NIA).at(account="u1", email=MIA)
    if owner:
        town.at(phone=NUMBER, **owner)
    town.slow = NUMBER
    town.at(email=MIA, phone=NUMBER)

    town.at("merge_undone", email=MIA).answered()

    assert town.claiming() == []
    assert known(town.of("account", "u1")) == {("account", "u1"), ("email", NIA)}
    assert known(town.of("email", MIA)) == {("email", MIA)} | (set() if "account" in owner else {("phone", NUMBER)})
