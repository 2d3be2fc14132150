"""Rules that change in the middle of a stream: the same triggers on every way through. B29."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Omni

CHANGE = "2026-11-24T10:30:00Z"
RULES = """\
version: {version}
defaults: {{expires_after: none}}
rules:
  - {{name: cart_reminder, kind: abandoned_cart, delay: {delay}}}
"""


def played(omni: Omni, folder: Path, *words: str) -> tuple[list[dict[str, str]], dict[str, object]]:
    """Play carts of sixty customers, one a minute from ten on; return the triggers and the summary."""
    old, new, events, out = (folder / name for name in ("old.yaml", "new.yaml", "events.jsonl", "out"))
    old.write_text(RULES.format(version="v1", delay="1h"), encoding="utf-8")
    new.write_text(RULES.format(version="v2", delay="2h"), encoding="utf-8")
    lines = [
        {
            "event_id": f"e-{minute}",
            "event_type": "product_added",
            "channel": "web",
            "occurred_at": f"2026-11-24T10:{minute:02d}:00Z",
            "identifiers": {"account": f"u-{minute}"},
            "cart_id": "c1",
            "items": [{"sku": "A", "quantity": 1}],
        }
        for minute in range(60)
    ]
    events.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    more = ("--until", "2026-11-24T14:00:00Z", "--out", out, "--json", *words)
    done = omni("simulate", events, "--rules", old, "--rules-from", f"{CHANGE}={new}", *more)
    assert done.code == 0, done.stderr
    text = (out / "triggers.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()], json.loads(done.stdout)


def test_b29_each_cart_waits_as_the_rules_said_when_it_was_filled(omni: Omni, tmp_path: Path) -> None:
    triggers, _ = played(omni, tmp_path)

    waits = {(t["rules_version"], int(t["fired_at"][11:13]) - 10, int(t["caused_by"][2:]) >= 30) for t in triggers}
    assert len(triggers) == 60
    assert waits == {("v1", 1, False), ("v2", 2, True)}


@pytest.mark.parametrize(
    "disturbed", ["--partitions 5 --seed 1", "--shuffle 20 --duplicate 0.3", "--crash 0.3 --seed 2"]
)
def test_b29_order_repeats_and_crashes_change_nothing_of_it(omni: Omni, tmp_path: Path, disturbed: str) -> None:
    for name in ("plain", "disturbed"):
        (tmp_path / name).mkdir()
    _, plain = played(omni, tmp_path / "plain")
    _, again = played(omni, tmp_path / "disturbed", *disturbed.split())

    for digest in ("triggers_digest", "state_digest"):
        assert again[digest] == plain[digest]


def test_a_later_file_without_its_time_is_refused(omni: Omni, tmp_path: Path) -> None:
    done = omni("simulate", "events.jsonl", "--rules-from", "new.yaml")

    assert done.code == 2
    assert "new.yaml is not T=FILE" in done.stderr
