"""`python -m tests.bench.rules`: what one event costs the customer actor, without rules and with twenty.

In process, on the events of the other benchmarks, each as often as it comes; processor time of this process alone, the
contenders in turn. Also: the bytes of a customer's state, and whether one who has sent 100,000 events costs more than
one who has sent 20,000.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from zlib import crc32

import msgspec

from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.rules.in_force import Rules
from pipeline.rules_file import load_rules
from pipeline.wire.channel_event import Decoder
from tests.bench import machine
from tests.bench.dataset import Spec, stream
from tests.bench.schedule import percentile

FIRST_MS = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
TWENTY = """
defaults: {quiet_hours: "22:00-08:00", cooldown: 24h, expires_after: 24h}
caps: [{class: marketing, at_most: 3, per: week}, {channel: email, at_most: 1, per: 24h}]
rules:
  - {name: cart, kind: abandoned_cart, delay: 1h, channels: [email, push]}
  - {name: cart_again, kind: abandoned_cart, delay: 24h, channels: [email]}
  - {name: checkout, kind: abandoned_checkout}
  - {name: browse, kind: abandoned_browse}
  - {name: search, kind: abandoned_search}
  - {name: welcome, kind: welcome}
  - {name: thanks, kind: post_purchase, after: order_completed}
  - {name: review, kind: post_purchase, about: review}
  - {name: goes_with, kind: cross_sell}
  - {name: refill, kind: replenishment}
  - {name: come_back, kind: win_back}
  - {name: tier, kind: loyalty}
  - {name: friends, kind: referral}
  - {name: best, kind: vip}
  - {name: card, kind: low_balance}
  - {name: care, kind: service_follow_up}
  - {name: fitting, kind: appointment_reminder}
  - {name: series, kind: sequence, steps: [{wait: 1h, send: first}, {wait: 24h, send: second}]}
  - {name: browsing, kind: segment_entered, condition: {did: product_viewed, at_least: 20, within: 7d}}
  - {name: quiet, kind: segment_entered, condition: {last_seen: {more_than: 30d}}}
"""


def messages(events: int, customers: int) -> list[tuple[str, Arrived]]:
    """Return the customer and the message of each event, malformed ones left out."""
    decode = Decoder().decode
    made = []
    for sample in stream(Spec(events, customers, FIRST_MS)):
        try:
            event = decode(sample.value)
        except InvalidEvent:
            continue
        ((kind, value), *_) = event.identifiers.items()
        arrived = Arrived(event.tenant, value, ((kind, value),), event.occurred_at_ms, crc32(sample.value), event)
        made.append((value, arrived))
    return made


def played(rules: Rules, told: list[tuple[str, Arrived]]) -> tuple[float, dict[str, CustomerState | None]]:
    """Return the microseconds an event took, and the customers."""
    actor = CustomerActor(rules)
    states: dict[str, CustomerState | None] = {}
    began = time.process_time()
    for customer_id, message in told:
        states[customer_id], _ = actor.handle(states.get(customer_id), message, message.received_at_ms)
    return (time.process_time() - began) / len(told) * 1e6, states


def robot(rules: Rules, thousands: int) -> list[float]:
    """Return the microseconds an event of one and the same customer takes, thousand by thousand."""
    actor, state, took = CustomerActor(rules), None, []
    told = messages(1_000, 1)
    for number in range(thousands):
        began = time.process_time()
        for place, (_, message) in enumerate(told):
            shift_ms = number * 3_600_000
            event = msgspec.structs.replace(
                message.event, event_id=f"{number}-{place}", occurred_at_ms=message.event.occurred_at_ms + shift_ms
            )
            at_ms = message.received_at_ms + shift_ms
            again = msgspec.structs.replace(message, event=event, received_at_ms=at_ms)
            state, _ = actor.handle(state, again, at_ms)
            assert state is not None
            due_at_ms = actor.wakes_at(state)
            if due_at_ms is not None and due_at_ms <= at_ms:
                state, _ = actor.wake(state, at_ms)
        took.append((time.process_time() - began) / len(told) * 1e6)
    sys.stdout.write(f"one customer after {thousands},000 events: {len(msgspec.msgpack.encode(state)):,} bytes\n")
    return took


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rules", description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, metavar="N", help="default: 60,000")
    parser.add_argument("--customers", type=int, default=5_000, metavar="N", help="default: 5,000")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rules.yaml"
        path.write_text(TWENTY)
        twenty = load_rules(path)
    contenders = {"no rules": Rules("", ()), f"{len(twenty.rules)} rules": twenty}
    told = messages(args.events, args.customers)
    gc.disable()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(5):
        for name, rules in contenders.items():
            took, states = played(rules, told)
            times[name].append(took)
    described = machine.describe()
    sys.stdout.write(f"{described['machine']}, {described['python']}; load {machine.load()}\n")
    for name, each in times.items():
        sys.stdout.write(f"{name:<10} {median(each):5.1f} µs an event ({min(each):.1f} to {max(each):.1f})\n")
    sizes = sorted(len(msgspec.msgpack.encode(state)) for state in states.values())
    share = len(told) / len(sizes)
    sys.stdout.write(f"state: median {sizes[len(sizes) // 2]:,} bytes, 99 % {percentile(sizes, 0.99):,}, most ")
    sys.stdout.write(f"{sizes[-1]:,}; {share:.0f} events a customer\n")
    took_each = robot(twenty, 100)
    early, late = median(took_each[15:25]), median(took_each[-10:])
    sys.stdout.write(f"an event of that customer: {early:.1f} µs around the 20,000th, {late:.1f} µs at the end\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
