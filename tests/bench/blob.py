"""`python -m tests.bench.blob`: a phone, an e-mail address and a tablet of the store, each seen with 5,000 customers.

The same traffic twice, event by event in turn, through the in-memory bus: once with the store's values, once with
values of everybody's own in their place. Printed: messages and processor time per event (what else the machine does is
left out), and how many customers are above their limits. The store's values must not be slower: what links nobody any
more costs one claim and its refusal.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random
from statistics import quantiles

from msgspec import Raw, Struct

from pipeline.domain.customer.actor import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from pipeline.streaming.envelope import EnvelopeDecoder
from pipeline.streaming.units import Output

START_MS = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
VISITS = 5
PARTITIONS = 4


def stream(customers: int, shared: bool, seed: int = 1) -> list[ChannelEvent]:
    """Return five visits of every customer, mixed; three of them leave a value of the store, or one of their own."""
    visits = [number for number in range(customers) for _ in range(VISITS)]
    Random(seed).shuffle(visits)
    seen: Counter[int] = Counter()
    events = []
    for place, number in enumerate(visits):
        whose = "store" if shared else str(number)
        identifiers = _visit(seen[number], str(number), whose)
        seen[number] += 1
        events.append(ChannelEvent(f"e-{place}", "page_viewed", "web", START_MS + place * 100, identifiers))
    return events


def _visit(number: int, me: str, whose: str) -> dict[str, str]:
    phone = "+4930901820" if whose == "store" else f"+49170{int(whose):07}"
    match number:
        case 0:
            return {"account": f"u-{me}", "email": f"{me}@example.com", "cookie": f"c-{me}"}
        case 1:
            return {"cookie": f"c-{me}"}
        case 2:
            return {"account": f"u-{me}", "phone": phone, "cookie": f"c-{me}"}
        case 3:
            return {"account": f"u-{me}", "device": f"tablet-{whose}"}
        case _:
            return {"email": f"till-{whose}@example.com", "cookie": f"guest-{me}"}


class Told(Struct, frozen=True):
    """What one event came to: messages between the actors, its own among them, and their processor time."""

    messages: int
    microseconds: float


class Shop:
    """An installation that is told one event at a time."""

    def __init__(self, seed: int = 1) -> None:
        """Begin with no customers, under the built-in limits."""
        self.simulation = Simulation(Settings(), Rules("", ()), IdentityConfig(), Conditions(PARTITIONS, seed))
        self.told: list[Told] = []
        self._messages = 0
        delivered, decode = self.simulation.bus._delivered, EnvelopeDecoder[Raw](Raw).decode

        def counted(output: Output) -> None:
            if output.topic.endswith(".inbox"):
                self._messages += len(decode(output.value).entries)
            delivered(output)

        self.simulation.bus._delivered = counted

    def tell(self, event: ChannelEvent) -> None:
        """Play one event and all that follows from it."""
        before = self._messages
        began = time.thread_time()
        self.simulation.play([self.simulation.read(event)])
        self.told.append(Told(self._messages - before, (time.thread_time() - began) * 1e6))

    def above_limits(self) -> list[str]:
        """Return the customers that have more than they may."""
        config = IdentityConfig()
        states: list[CustomerState] = [state for _, state in self.simulation.bus.states("customer")]
        return [state.customer_id for state in states if _is_above(state, config)]


def _is_above(state: CustomerState, config: IdentityConfig) -> bool:
    numbers = {kind: len(links) for kind, links in state.identifiers.items()}
    merges = 0 if state.graph is None else len(state.graph.merges)
    return (
        any(number > (config.limit_of(kind) or number) for kind, number in numbers.items())
        or sum(numbers.values()) > config.mapping_cap
        or merges > (config.merge_cap or merges)
    )


def main() -> int:
    """Tell both shops the traffic in turn and print what it cost; status 1 if a customer is above its limits."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.blob", description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    args = parser.parse_args()
    shops = {"of the store": Shop(), "everybody's own": Shop()}
    pairs = zip(stream(args.customers, shared=True), stream(args.customers, shared=False), strict=True)
    for place, pair in enumerate(pairs):
        turn = list(zip(shops.values(), pair, strict=True))
        for shop, event in turn if place % 2 else reversed(turn):  # neither always finds the caches warm
            shop.tell(event)
    write = sys.stdout.write
    write("| values | events | messages/event mean | p99 | most | µs/event p50 | p99 | above limits |\n")
    write("|---|---|---|---|---|---|---|---|\n")
    above = 0
    for name, shop in shops.items():
        messages = sorted(told.messages for told in shop.told)
        cuts = quantiles([told.microseconds for told in shop.told], n=100)
        wrong = len(shop.above_limits())
        above += wrong
        mean, p99 = sum(messages) / len(messages), quantiles(messages, n=100)[98]
        write(f"| {name} | {len(messages):,} | {mean:.2f} | {p99:.0f} | {messages[-1]} ")
        write(f"| {cuts[49]:.0f} | {cuts[98]:.0f} | {wrong} |\n")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
