"""`python -m tests.bench.storm`: many customers that all turn out to be few, at once and in random order.

100,000 customers are founded; then every set of a hundred is joined by 99 events in random order, delivered in random
order among all messages under way, as they would be on many partitions. Printed: whether the right sets came out, the
time, how many hops a merge took from its event to the fold of the junior's state, and messages per merge.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict, deque
from random import Random
from statistics import median
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityActor, IdentityState
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import Identifier, identity_key
from pipeline.domain.messages.to_customer import Arrived, ArrivedRaw, Handover
from pipeline.domain.messages.to_identity import Observed
from pipeline.domain.rules.in_force import Rules

Channel: TypeAlias = tuple[str, str]
"""Where a message comes from, and where it goes."""

KINDS = 10
"""An event carries one identifier of a kind: neighbours must differ."""
UNLIMITED = IdentityConfig(limits={}, default_limit=None, customers_per_value=None, merge_cap=None, mapping_cap=10**6)


class Storm(Struct, frozen=True):
    """What came of it. `hops` are messages one after the other from the event to the fold."""

    customers: int
    sets: int
    right: bool
    seconds: float
    merges: int
    messages: int
    hops_median: float
    hops_most: int
    lost_events: int


def identifier(number: int, sets: int) -> Identifier:
    """Return the identifier that founds customer `number`."""
    return f"k{number // sets % KINDS}", f"v{number}"


class World:
    """Both actors' states, and the messages under way, taken at random."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._actors: dict[str, Any] = {
            "identity": IdentityActor(UNLIMITED),
            "customer": CustomerActor(Rules("", ()), "wall", UNLIMITED),
        }
        self.states: dict[str, dict[str, Any]] = {"identity": {}, "customer": {}}
        self._under_way: list[Channel] = []
        self._channels: defaultdict[Channel, deque[tuple[Send, int]]] = defaultdict(deque)
        self.handled: Counter[str] = Counter()
        self.hops: list[int] = []

    def tell(self, number: int, identifiers: tuple[Identifier, ...]) -> None:
        """Let an event with these identifiers come in."""
        event = ChannelEvent(f"e-{number}", "page_viewed", "web", number, dict(identifiers))
        packed = Raw(msgspec.msgpack.encode(event))
        seen = Observed("default", identifiers, event.event_id, number, number, 1, packed)
        self._send("producer", Send("identity", identity_key("default", identifiers[0]), seen), 0)

    def settle(self) -> None:
        """Handle messages until none is left."""
        under_way, random = self._under_way, self._random
        while under_way:
            place = random.randrange(len(under_way))
            under_way[place], under_way[-1] = under_way[-1], under_way[place]
            self._handle(*self._channels[under_way.pop()].popleft())

    def _send(self, source: str, send: Send, hops: int) -> None:
        """Put a message on its way; as on Kafka, what goes from one place to another keeps its order."""
        channel = source, send.key
        self._channels[channel].append((send, hops))
        self._under_way.append(channel)

    def _handle(self, send: Send, hops: int) -> None:
        message: Any = send.message
        if isinstance(message, ArrivedRaw):
            fields = {name: getattr(message, name) for name in ArrivedRaw.__struct_fields__}
            message = Arrived(**fields | {"event": msgspec.msgpack.decode(message.event, type=ChannelEvent)})
        states = self.states[send.actor]
        state, effects = self._actors[send.actor].handle(states.get(send.key), message, 0)
        states[send.key] = state
        self.handled[type(message).__name__] += 1
        if isinstance(message, Handover) and not state.is_pointer:
            self.hops.append(hops)
        for effect in effects:
            if isinstance(effect, Send):
                self._send(send.key, effect, hops + 1)


def storm(customers: int, sets: int, seed: int = 1) -> Storm:
    """Found `customers`, join them into `sets`."""
    world, random = World(seed), Random(seed)
    for number in range(customers):
        world.tell(number, (identifier(number, sets),))
    world.settle()
    founded = sum(world.handled.values())
    pairs = []
    for number in range(sets, customers):
        other = random.randrange(number % sets, number, sets)
        if identifier(number, sets)[0] == identifier(other, sets)[0]:
            other = number - sets
        pairs.append((number, other))
    random.shuffle(pairs)
    began = time.perf_counter()
    for told, pair in enumerate(pairs):
        world.tell(customers + told, tuple(sorted(identifier(number, sets) for number in pair)))
    world.settle()
    seconds = time.perf_counter() - began
    return _judge(world, customers, sets, pairs, seconds, founded)


def _judge(
    world: World, customers: int, sets: int, pairs: list[tuple[int, int]], seconds: float, founded: int
) -> Storm:
    root = list(range(customers))

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for number, other in pairs:
        root[find(number)] = find(other)
    wanted: dict[int, set[str]] = {}
    for number in range(customers):
        wanted.setdefault(find(number), set()).add("{}:{}".format(*identifier(number, sets)))
    found: dict[str, set[str]] = {}
    for key, state in world.states["identity"].items():
        assert isinstance(state, IdentityState)
        found.setdefault(state.customer_id, set()).add(key.split("\x1f")[1])
    live = [state for state in world.states["customer"].values() if isinstance(state, CustomerState)]
    live = [state for state in live if not state.is_pointer]
    right = sorted(map(sorted, wanted.values())) == sorted(map(sorted, found.values()))
    right = right and {state.customer_id for state in live} == found.keys()
    return Storm(
        customers,
        len(found),
        right,
        round(seconds, 1),
        len(world.hops),
        sum(world.handled.values()) - founded,
        median(world.hops),
        max(world.hops),
        customers + len(pairs) - sum(state.events for state in live),
    )


def main() -> int:
    """Run one storm and print what came of it; status 1 if it is not right."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storm", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--sets", type=int, default=1_000)
    args = parser.parse_args()
    result = storm(args.customers, args.sets)
    sys.stdout.write(
        f"{result.customers:,} customers into {result.sets:,}: {'right' if result.right else 'WRONG'}, "
        f"{result.lost_events} events lost, {result.seconds} s, {result.merges:,} merges, "
        f"{result.messages / result.merges:.1f} messages a merge, hops {result.hops_median:.0f} (median) "
        f"{result.hops_most} (most)\n"
    )
    return 0 if result.right and not result.lost_events else 1


if __name__ == "__main__":
    sys.exit(main())
