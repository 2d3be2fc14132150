"""The table for people: medians with their range, ratios within rounds, and what it was measured on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from msgspec import Struct

from tests.bench.endurance import FLAT, Endurance
from tests.bench.ladder import best
from tests.bench.latency import Latency
from tests.bench.race import Round


class Results(Struct):
    """Everything measured in one run, raw."""

    machine: dict[str, str]
    load: list[float]
    rounds: list[Round]
    ladder: dict[str, list[float]]
    latency: Latency | None = None
    endurance: Endurance | None = None

    @property
    def void(self) -> list[Round]:
        """Rounds that did not pass the gate."""
        return [each for each in self.rounds if each.wrong]


def ratios(rounds: Sequence[Round], above: str, below: str) -> list[float]:
    """Return CPU of `above` over CPU of `below`, round by round."""
    cpu = {(each.number, each.contender): each.cpu_us for each in rounds}
    numbers = sorted({each.number for each in rounds})
    return [
        cpu[number, above] / cpu[number, below]
        for number in numbers
        if (number, above) in cpu and cpu.get((number, below))
    ]


def table(results: Results) -> str:
    """Return the whole report."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield from (f"{name:<9} {said}" for name, said in results.machine.items())
    yield f"{'load':<9} {' → '.join(map(str, results.load))} (processes wanting a core; above 2–3, others disturbed)"
    for race in dict.fromkeys(each.race for each in results.rounds):
        yield ""
        yield from _race(race, [each for each in results.rounds if each.race == race])
    if results.ladder:
        yield ""
        yield from _ladder(results.ladder)
    if results.latency:
        yield ""
        yield from _latency(results.latency)
    if results.endurance:
        yield ""
        yield from _endurance(results.endurance)


def _race(name: str, rounds: Sequence[Round]) -> Iterator[str]:
    first = rounds[0]
    many = max(each.number for each in rounds)
    yield f"{name}: {first.events:,} events, {first.measured:,} measured, {many} rounds"
    yield f"  {'contender':<10}{'CPU µs/event':>14}{'range':>18}{'events/s/core':>15}{'wall µs/event':>15}  gate"
    for contender in dict.fromkeys(each.contender for each in rounds):
        own = [each for each in rounds if each.contender == contender]
        cpu = [each.cpu_us for each in own]
        wall = median(each.wall_us for each in own)
        void = sum(bool(each.wrong) for each in own)
        verdict = f"VOID in {void} of {len(own)} rounds" if void else "valid"
        spread = f"{min(cpu):.1f}–{max(cpu):.1f}"
        yield f"  {contender:<10}{median(cpu):>14.1f}{spread:>18}{1e6 / median(cpu):>15,.0f}{wall:>15.1f}  {verdict}"
    for above, below, says in (
        ("faust", "omni", "times the speed of stock Faust"),
        ("loop", "omni", "times the speed of the bare loop"),
    ):
        found = ratios(rounds, above, below)
        if found:
            yield f"  {below} does {median(found):.2f} {says} ({min(found):.2f}–{max(found):.2f})"
    for each in rounds:
        for wrong in each.wrong:
            yield f"  VOID round {each.number} {each.contender}: {wrong}"


def _ladder(layers: Mapping[str, list[float]]) -> Iterator[str]:
    yield "ladder: each layer by itself, CPU µs per channel event"
    figures = best(dict(layers))
    for name, figure in figures.items():
        spread = f"{min(layers[name]):.1f}–{max(layers[name]):.1f}"
        yield f"  {name:<30}{figure:>8.1f}{spread:>16}"
    worker = sum(figure for name, figure in figures.items() if not name.startswith("L6"))
    yield f"  {'L0 to L5 together':<30}{worker:>8.1f}"


def _latency(latency: Latency) -> Iterator[str]:
    yield (
        f"publish → trigger at {latency.rate:,} events/s for {latency.seconds:.0f} s, from the scheduled send, "
        f"{latency.triggers:,} triggers, {latency.missing} missing; nothing pinned"
    )
    if latency.void:
        yield "  VOID: the control alone is too slow; this says how busy the machine is, not how fast the pipeline is"
    yield (
        f"  p50 {latency.p50_ms:.1f} ms   p99 {latency.p99_ms:.1f} ms   max {latency.max_ms:.1f} ms   "
        f"(sender late: p99 {latency.sender_p99_ms:.1f} ms)"
    )
    yield (
        f"  control, publish → the same observer without the pipeline: p50 {latency.broker_p50_ms:.1f} ms   "
        f"p99 {latency.broker_p99_ms:.1f} ms"
    )


def _endurance(endurance: Endurance) -> Iterator[str]:
    memory, recovery = endurance.memory, endurance.recovery
    yield f"memory over {memory.events:,} events of {memory.customers:,} customers, one worker, memory store"
    marks = memory.samples[:: max(len(memory.samples) // 8, 1)]
    yield f"  MiB resident (of which states, encoded): {memory.at_start_mib:.0f} at start, " + ", ".join(
        f"{mib:.0f} ({states:.1f}) at {events:,}" for events, mib, states in sorted({*marks, memory.samples[-1]})
    )
    verdict = "flat" if memory.growth < FLAT else "NOT FLAT"
    yield f"  grown by {memory.growth:.1%} in the second half: {verdict} (below {FLAT:.0%})"
    yield from (f"  VOID: {wrong}" for wrong in memory.wrong)
    speed = recovery.records_per_second
    yield (
        f"restart with {recovery.customers:,} customers: {recovery.restart_seconds:.1f} s from process start after a "
        f"planned stop ({recovery.empty_seconds:.1f} s with nothing to read)"
    )
    yield (
        f"  from the changelog alone, {recovery.records:,} records: {recovery.ready_seconds:.1f} s"
        + (f", {speed:,} records a second" if speed else "")
    )
    yield f"  {recovery.bytes_per_customer:,} bytes a customer resident, {recovery.state_bytes:,} in the changelog"
