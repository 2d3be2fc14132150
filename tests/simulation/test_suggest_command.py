"""`omni identity suggest` over the history of a simulation: who it finds, whom it leaves alone, what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.errors import DONE, NO, UNREACHABLE, USAGE
from pipeline.suggestions.model import RECORDS_NEEDED
from tests.conftest import Omni
from tests.harness.environment import clean_environment

Event = dict[str, Any]
Traits = dict[str, Any]
Suggest = Callable[..., dict[str, Any]]

GIVEN = "Anna Ben Clara David Emma Felix Greta Hanno Ida Jonas Karla Lukas Mia Noah Olga Paul Rosa Samuel Tilda Uwe"
SURNAMES = (
    "Albers Brandt Conrad Dietz Ebert Fiedler Gruber Hartung Imhof Jansen Keller Lorenz Martens Neumann Oswald "
    "Petersen Quandt Richter Seidel Thoma Urban Vogel Wagner Zander Bachmann Decker Engel Friedrich Hagen Kessler"
)
STREETS = "Amselweg Birkenallee Dorfstr Eichenweg Feldgasse Gartenstr Hauptstr Inselweg Kirchgasse Lindenallee"
TOWNS = [("Bremen", 28195), ("Dresden", 1067), ("Essen", 45127), ("Kiel", 24103), ("Ulm", 89073)]

MINNA: Traits = {"firstName": "Minna", "lastName": "Rautenberg", "birthday": "1984-05-12"}
HOME: Traits = {"address.street": "Am Wall 7", "address.postalCode": "28195", "address.city": "Bremen"}
MOVED: Traits = {"first_name": "Mina", "last_name": "RAUTENBERG", "birthday": "1984-05-12T00:00:00Z", "city": "Ulm"}
HUSBAND: Traits = {"firstName": "Wendel", "lastName": "Rautenberg", "birthday": "1979-11-30"}
ODO: Traits = {"name": "Odo Klingspor", "dob": "3.9.1971", "street": "Kirchgasse 12", "postcode": 1067}
MISTYPED: Traits = ODO | {"name": "Odo Klingsporn", "dob": "1917-09-03"}

MINNAS = ["email:m1@example.com", "email:m2@example.com"]


def identified(number: int, tenant: str, traits: Traits, **identifiers: str) -> Event:
    return told(number, "identified", tenant, traits, **identifiers)


def told(number: int, event_type: str, tenant: str, traits: Traits | None = None, **identifiers: str) -> Event:
    return {
        "event_id": f"{tenant}-{number}",
        "event_type": event_type,
        "channel": "web",
        "tenant": tenant,
        "occurred_at": f"2026-11-24T10:{number // 60:02d}:{number % 60:02d}Z",
        "identifiers": identifiers,
        "properties": traits or {},
    }


def crowd(tenant: str, number: int = 150) -> Iterator[Event]:
    """Made-up people, all different."""
    chance = Random(11)
    for index in range(number):
        town, postcode = chance.choice(TOWNS)
        traits = {
            "firstName": chance.choice(GIVEN.split()),
            "lastName": chance.choice(SURNAMES.split()),
            "birthday": f"{chance.randrange(1940, 2005)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}",
            "address.street": f"{chance.choice(STREETS.split())} {chance.randrange(1, 90)}",
            "address.postalCode": str(postcode),
            "address.city": town,
        }
        yield identified(index, tenant, traits, email=f"c{index}@example.com")


def stories() -> Iterator[Event]:
    """One tenant a story."""
    for tenant in ("alike", "confirmed", "apart"):
        yield from crowd(tenant)
        yield identified(200, tenant, MINNA | HOME, email="m1@example.com")
        yield identified(201, tenant, MOVED, email="m2@example.com")
    yield identified(202, "alike", HUSBAND | HOME, email="w@example.com")
    yield identified(203, "alike", ODO, loyalty="l-1")
    yield identified(204, "alike", MISTYPED, email="o@example.com")

    yield told(210, "merge_confirmed", "confirmed", email="m1@example.com", operator="op-1")
    yield told(211, "merge_confirmed", "confirmed", email="m2@example.com", operator="op-1")

    yield told(210, "page_viewed", "apart", email="m1@example.com", cookie="c-1")
    yield told(211, "page_viewed", "apart", email="m2@example.com", cookie="c-1")
    yield told(212, "merge_undone", "apart", email="m1@example.com")
    yield told(213, "merge_undone", "apart", email="m2@example.com")

    yield from crowd("latest")
    yield identified(200, "latest", MINNA | {"lastName": "Birkholz"}, email="m1@example.com")
    yield told(201, "order_completed", "latest", MINNA, email="m1@example.com")
    yield identified(202, "latest", MOVED, email="m2@example.com")
    yield told(203, "product_viewed", "latest", {"name": "Lamp Nine", "lastName": "Lamp"}, email="m2@example.com")

    yield from crowd("few", RECORDS_NEEDED - 1)
    yield identified(200, "few", {"lastName": "Rautenberg"}, email="")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suggest")
    events = folder / "events.jsonl"
    events.write_text("".join(f"{json.dumps(event)}\n" for event in stories()), encoding="utf-8")
    command = [sys.executable, "-m", "pipeline", "simulate", "events.jsonl", "--history", "history", "--json"]
    done = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == DONE, done.stderr
    assert json.loads(done.stdout)["dead_letters"] == 0
    return folder / "history"


@pytest.fixture
def suggest(
    history: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Suggest:
    """Run the command in this process; return what it says to machines."""
    monkeypatch.chdir(tmp_path)

    def run(tenant: str, *words: str) -> dict[str, Any]:
        status = main(["identity", "suggest", "--history", str(history), "--tenant", tenant, "--json", *words])
        shown = capsys.readouterr()
        assert status == DONE, shown.err
        said: dict[str, Any] = json.loads(shown.out)
        return said

    return run


def pairs(said: dict[str, Any]) -> list[list[str]]:
    return sorted(sorted(each["identifiers"]) for each in said["suggestions"])


def hows(suggestion: dict[str, Any]) -> dict[str, str]:
    return {each["field"]: each["how"] for each in suggestion["fields"]}


def test_near_duplicates_are_found_with_their_reasons_and_nobody_else(suggest: Suggest) -> None:
    said = suggest("alike")

    assert pairs(said) == [MINNAS, ["email:o@example.com", "loyalty:l-1"]]
    assert (said["compared"], said["found"], said["threshold"]) == (155, 2, 0.8)
    (minna,) = [each for each in said["suggestions"] if sorted(each["identifiers"]) == MINNAS]
    assert hows(minna) == {
        "given_name": "similar", "surname": "same", "birth_date": "same", "street": "unknown", "postcode": "unknown",
        "city": "different", "email": "similar",
    }  # fmt: skip
    assert 0.8 <= minna["probability"] <= 1
    assert minna["confirm"] == f"omni identity merge {' '.join(minna['identifiers'])} --tenant alike"


def test_a_pair_that_an_operator_confirms_is_one_customer_and_suggested_no_more(suggest: Suggest) -> None:
    said = suggest("confirmed")

    assert (said["compared"], said["suggestions"]) == (151, [])


def test_those_whom_an_operator_took_apart_are_not_suggested(suggest: Suggest) -> None:
    said = suggest("apart")

    assert (said["compared"], said["suggestions"]) == (152, [])


def test_the_latest_word_of_a_customer_counts_and_what_other_events_say_does_not(suggest: Suggest) -> None:
    (found,) = suggest("latest")["suggestions"]

    (surname,) = [each for each in found["fields"] if each["field"] == "surname"]
    assert (surname["left"], surname["right"], surname["how"]) == ("rautenberg", "rautenberg", "same")


def test_a_limit_keeps_the_likeliest_and_a_higher_threshold_the_surer(suggest: Suggest) -> None:
    both = suggest("alike", "--threshold", "0.5")["suggestions"]
    first = suggest("alike", "--threshold", "0.5", "--limit", "1")

    assert both[0]["probability"] >= both[1]["probability"]
    assert (first["suggestions"], first["found"]) == (both[:1], len(both))
    surer = suggest("alike", "--threshold", "0.999")["suggestions"]
    assert surer == [each for each in both if each["probability"] >= 0.999]


def test_in_words_each_pair_has_its_reasons_and_the_command_to_confirm_it(history: Path, omni: Omni) -> None:
    done = omni("identity", "suggest", "--tenant", "latest", "--history", history)

    assert (done.code, done.stderr) == (DONE, "")
    head, blank, pair, *reasons, confirm = done.stdout.splitlines()
    assert head == "152 customers compared, 1 pair of at least 80%. Nothing was merged."
    assert (blank, sorted(pair.partition("  ")[2].split(" and "))) == ("", MINNAS)
    assert "  birth date: same, speaks for it: 1984-05-12" in reasons
    assert "  street: not known of both, says nothing" in reasons
    assert any(line.startswith("  given name: similar, speaks for it: ") for line in reasons)
    assert any(line.startswith("  email: ") for line in reasons)
    assert confirm in {
        f"  If they are one: omni identity merge {one} {other} --tenant latest" for one, other in permutations(MINNAS)
    }


def test_without_a_history_it_says_how_one_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["identity", "suggest", "--json", "--history", "nowhere"]) == UNREACHABLE

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "there is no history" in shown.err


@pytest.mark.parametrize(("tenant", "number"), [("few", RECORDS_NEEDED - 1), ("nobody", 0), ("it's", 0)])
def test_too_few_to_compare_is_said_in_words(
    history: Path, tenant: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["identity", "suggest", "--json", "--history", str(history), "--tenant", tenant]) == NO

    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"Too few to compare: of tenant {tenant}, {number} customers told at least two" in shown.err
    assert f"{RECORDS_NEEDED} are needed" in shown.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["suggest", "account:u-1"], "suggest needs no identifier"),
        (["merge", "account:u-1"], "merge needs two identifiers"),
        (["merge", "account:u-1", "u-2"], "u-2 is none"),
        (["explain"], "explain needs an identifier"),
        (["explain", "--merge", "m", "account:u-1"], "--merge goes with unmerge"),
    ],
)
def test_wrong_usage_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identity", *words]) == USAGE

    assert said in capsys.readouterr().err


def test_without_the_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "pipeline.suggestions.model")
    monkeypatch.setitem(sys.modules, "splink", None)

    assert main(["identity", "suggest"]) == USAGE

    assert "pip install 'omni-pipeline[suggest]'" in capsys.readouterr().err
