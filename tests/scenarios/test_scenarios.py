"""Every story of this folder, in memory: alone, disturbed, and together with all others under one rules file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.wire.json_event import encode
from tests.conftest import Omni
from tests.scenarios.matching import difference, differences, members_unlike, messages_unlike
from tests.scenarios.outcome import outcome_of
from tests.scenarios.playing import events_of, play, play_live
from tests.scenarios.scenario import (
    FOLDER,
    Object,
    Scenario,
    clock_ms,
    read_scenario,
    rules_text,
    scenario_files,
    time_of,
)
from tests.simulation.shop import results


@pytest.fixture(params=scenario_files(), ids=lambda path: path.stem)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return read_scenario(request.param)


def test_a_story_ends_as_it_must(scenario: Scenario, tmp_path: Path) -> None:
    outcome = outcome_of(play_live([scenario], events_of(scenario, tmp_path), tmp_path, scenario.until_ms))

    unlike = differences(scenario, outcome)

    assert not unlike, "\n" + "\n".join(unlike)


def test_audiences_have_the_members_they_must_and_show_them_these_products(scenario: Scenario, tmp_path: Path) -> None:
    events = events_of(scenario, tmp_path)

    for moment in scenario.expected.audiences:
        at_ms, members = clock_ms(moment["at"]), moment["members"]
        past = [told for told in events if time_of(told) <= at_ms]
        outcome = outcome_of(play_live([scenario], past, tmp_path, at_ms)).of(scenario)
        unlike = members_unlike(members, outcome)
        assert not unlike, f"at {moment['at']}:\n" + "\n".join(unlike)
        for number, member in enumerate(members):  # one too few, one too many, another product: each is told
            assert len(members_unlike(members[:number] + members[number + 1 :], outcome)) == 1
            assert len(members_unlike([*members, member], outcome)) == 1
            other = {**member, "items": [*member["items"], "ANOTHER"]}
            assert len(members_unlike([*members[:number], other, *members[number + 1 :]], outcome)) == 2


REPORTED = [path for path in scenario_files() if read_scenario(path).expected.reports]


@pytest.mark.clickhouse
@pytest.mark.parametrize("path", REPORTED, ids=lambda path: path.stem)
def test_reports_on_a_history_that_a_file_of_the_story_gave_answer_what_they_must(
    path: Path, omni: Omni, tmp_path: Path
) -> None:
    scenario = read_scenario(path)
    told = [encode(event) for event in events_of(scenario, tmp_path) if isinstance(event, ChannelEvent)]
    (tmp_path / "story.jsonl").write_bytes(b"\n".join(told))
    (tmp_path / "rules.yaml").write_text(rules_text([scenario]), encoding="utf-8")
    played = omni("simulate", "story.jsonl", "--rules", "rules.yaml", "--history", "history")
    assert played.code == 0, played.stderr

    for asked in scenario.expected.reports:
        answer = omni("report", *scenario.report_words(asked), "--history", "history")
        assert answer.code == 0, answer.stderr
        found = json.loads(answer.stdout)
        assert difference(asked["rows"], found) is None, (asked, found)


def test_a_message_decision_or_customer_that_is_missing_or_too_much_is_told(scenario: Scenario, tmp_path: Path) -> None:
    outcome = outcome_of(play_live([scenario], events_of(scenario, tmp_path), tmp_path, scenario.until_ms))

    for sort in ("triggers", "not_sent", "identity", "customers"):
        entries = getattr(scenario.expected, sort)
        for number in range(len(entries)):
            if sort == "identity" and len({entry["change"] for entry in entries}) == len(entries):
                continue  # without its only entry, nobody asks for this sort of change
            fewer, more = entries[:number] + entries[number + 1 :], [*entries, entries[number]]
            for changed in (fewer, more):
                told = differences(_expecting(scenario, sort, changed), outcome)
                assert len(told) == 1, (sort, number, told)


@pytest.mark.parametrize("seed", range(3))
def test_a_story_ends_the_same_whatever_comes_twice_or_in_another_order_or_is_cut_short(
    scenario: Scenario, tmp_path: Path, seed: int
) -> None:
    events = events_of(scenario, tmp_path)
    straight = play([scenario], events, tmp_path, scenario.until_ms)

    disturbed = play(
        [scenario],
        events,
        tmp_path,
        scenario.until_ms,
        partitions=2 + seed,
        seed=seed,
        duplicate=0.3,
        shuffle=5,
        crash=0.5,
    )

    assert disturbed.bus.crashes.happened > 0
    assert results(disturbed) == results(straight)
    assert disturbed.audience_members() == straight.audience_members()


def test_all_stories_together_end_as_each_does_alone(tmp_path: Path) -> None:
    scenarios = [read_scenario(path) for path in scenario_files()]
    events = [event for scenario in scenarios for event in events_of(scenario, tmp_path)]
    events.sort(key=time_of)

    together = outcome_of(play(scenarios, events, tmp_path, max(s.until_ms for s in scenarios), partitions=3))

    for scenario in scenarios:
        own = together.of(scenario)
        unlike = messages_unlike(scenario, own)
        assert not unlike, f"{scenario.title}\n" + "\n".join(unlike)
        assert len(own.customers) == len(scenario.expected.customers)


def test_no_two_stories_have_a_rule_or_an_audience_of_the_same_name() -> None:
    scenarios = [read_scenario(path) for path in scenario_files()]
    names = [name for scenario in scenarios for name in (*scenario.rule_names, *scenario.audience_names)]

    assert sorted(names) == sorted(set(names))


def test_the_list_of_stories_in_the_readme_is_the_one_of_the_files() -> None:
    listed = "".join(f"- [{path.stem}]({path.name}): {read_scenario(path).title}\n" for path in scenario_files())

    text = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert text.endswith(f"\n{listed}"), f"put this at the end of tests/scenarios/README.md:\n{listed}"


def _expecting(scenario: Scenario, sort: str, entries: list[Object]) -> Scenario:
    return replace(scenario, expected=replace(scenario.expected, **{sort: entries}))
