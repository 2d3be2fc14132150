"""Rule kinds from outside the project: the example of the README, and broken ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.triggers import RULES
from pipeline.kinds import KindError, load_kinds
from pipeline.rules_file import RulesFileError, load_rules
from pipeline.rules_file.schema import rules_schema
from pipeline.settings import PROJECT_DIR
from tests.unit.domain.triggers.story import Story, event, item

README = PROJECT_DIR / "pipeline" / "domain" / "triggers" / "README.md"


@pytest.fixture(autouse=True)
def rules_as_before() -> Iterator[None]:
    """The table of kinds, and what was imported, as they were."""
    kinds, modules = dict(RULES), set(sys.modules)
    yield
    RULES.clear()
    RULES.update(kinds)
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with one kind, as pip would lay it out."""
    site = tmp_path / "site"
    (site / "shop_kinds").mkdir(parents=True)
    example = re.search(r"<!-- kind:begin.*?```python\n(.*?)```\n<!-- kind:end", README.read_text("utf-8"), re.DOTALL)
    assert example is not None
    (site / "shop_kinds" / "__init__.py").touch()
    (site / "shop_kinds" / "big_basket.py").write_text(example[1], encoding="utf-8")
    about = site / "shop_kinds-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-kinds\nVersion: 1.2\n", encoding="utf-8")
    entry(site, "big_basket = shop_kinds.big_basket:BigBasket")
    monkeypatch.syspath_prepend(site)
    return site


def entry(site: Path, line: str) -> None:
    (site / "shop_kinds-1.2.dist-info" / "entry_points.txt").write_text(f"[omni.kinds]\n{line}\n", encoding="utf-8")


def written(folder: Path, rule: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(f"version: 1\nrules:\n  - {rule}\n", encoding="utf-8")
    return file


def test_the_kind_that_the_readme_shows_fires(installed: Path, tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, "{name: we_carry, kind: big_basket, pieces: 3}"))

    story = Story(*rules.rules)
    story.at("10:00", event("order_completed", items=(item("A", 2),))).at("11:00", event("order_completed"))
    story.at("12:00", event("order_completed", items=(item("A", 2), item("B", 2))))
    assert story.fired == [("12:00", "we_carry")]


def test_its_parameters_are_checked_like_those_of_any_kind(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(RulesFileError, match=r":3: pieces: .0. is not a whole number from 1 on"):
        load_rules(written(tmp_path, "{name: we_carry, kind: big_basket, pieces: 0}"))


def test_it_is_among_the_known_kinds_and_in_the_schema_for_editors(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(RulesFileError, match=r"Known are: .*big_basket"):
        load_rules(written(tmp_path, "{name: we_carry}"))

    assert "big_basket" in str(rules_schema())


def test_reading_the_rules_again_finds_the_same_kind(installed: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "{name: we_carry, kind: big_basket}")
    load_rules(file)
    kind = RULES["big_basket"]

    load_rules(file)
    assert RULES["big_basket"] is kind


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("x = shop_kinds.nowhere:X", r"it cannot be imported: ModuleNotFoundError: .*nowhere"),
        ("x = shop_kinds.big_basket:Small", r"it cannot be imported: AttributeError"),
        ("x = shop_kinds.big_basket:Config", r"it is no class derived from .*Kind"),
        ("x = shop_kinds.big_basket:at_once", r"it is no class derived from .*Kind"),
        ("x = pipeline.domain.triggers.kind:Kind", r"its config_type is no class"),
        ("X-1 = shop_kinds.big_basket:BigBasket", r"small letters"),
        ("vip = shop_kinds.big_basket:BigBasket", r"there is another kind of that name"),
    ],
)
def test_a_broken_kind_is_refused_with_its_distribution(installed: Path, tmp_path: Path, line: str, why: str) -> None:
    entry(installed, line)
    before = dict(RULES)

    with pytest.raises(KindError, match=rf"shop-kinds 1\.2 cannot be used: .*{why}"):
        load_kinds()
    with pytest.raises(RulesFileError, match=why):
        load_rules(written(tmp_path, "{name: a, kind: vip}"))
    assert before == RULES


def test_a_kind_that_does_not_say_when_it_fires_is_refused(installed: Path) -> None:
    module = installed / "shop_kinds" / "big_basket.py"
    module.write_text(module.read_text("utf-8").replace("Fires when an order", "An order"), encoding="utf-8")

    with pytest.raises(KindError, match="its docstring must say when it fires"):
        load_kinds()
