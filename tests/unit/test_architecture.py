"""Dependencies point inwards: read from the import statements, whatever is installed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import PROJECT_DIR

PACKAGE = PROJECT_DIR / "pipeline"
WORKER = {"agents", "channel_reader", "topology", "worker"}
OUTER = WORKER | {"web", "cli", "history", "sources", "broker", "app", "suggestions"}
# Which parts of the package a part may not import. What nobody may import (cli) has a test of its own.
FORBIDDEN = {
    "domain": OUTER | {"streaming", "wire", "settings", "topics", "metrics"},
    "wire": OUTER | {"streaming"},
    "streaming": WORKER | {"history", "web", "suggestions"},
    "history": WORKER | {"web", "clients", "demo", "simulation", "suggestions"},
    "suggestions": OUTER - {"history", "suggestions"}
    | {"streaming", "wire", "settings", "clients", "demo", "simulation"},
    "sources": WORKER | {"history", "web", "streaming", "suggestions"},
    "agents": {"app", "history", "web", "worker", "suggestions"},
    "channel_reader": {"agents", "app", "history", "topology", "web", "worker", "suggestions"},
    "topology": {"agents", "app", "channel_reader", "history", "web", "worker", "suggestions"},
    "app": {"worker"},
    "broker": WORKER | {"history", "web", "streaming", "sources", "domain", "clients", "demo"},
    "clients": WORKER | {"app", "demo", "history", "simulation", "web"},
    "simulation": {"app", "broker", "clients", "demo", "history", "sources", "web"},
    "backtest": OUTER | {"clients", "demo", "simulation", "streaming", "wire", "settings", "topics", "metrics"},
    "timeline": OUTER | {"clients", "demo", "simulation", "streaming", "settings", "topics", "metrics"},
    "demo": WORKER | {"app", "web"},
    "monitoring": OUTER - {"history"} | {"clients", "demo", "domain", "simulation", "streaming", "wire", "topics"},
    "kinds": OUTER | {"settings", "streaming", "wire", "rules_file"},
    "rules_file": OUTER | {"settings", "streaming", "wire"},
    "identity_file": OUTER | {"settings", "streaming", "wire"},
    "struct_types": OUTER | {"settings", "streaming", "wire"},
    "yaml_structs": OUTER | {"settings", "streaming", "wire"},
    "yaml_nodes": OUTER | {"domain", "settings", "streaming", "wire"},
    "settings": OUTER - {"broker"} | {"streaming", "domain", "wire"},
    "topics": OUTER | {"streaming"},
}


def modules(part: str) -> list[Path]:
    folder = PACKAGE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imported(path: Path) -> Iterator[str]:
    """Full names of everything `path` imports, relative imports resolved."""
    own = path.relative_to(PROJECT_DIR).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(own[: len(own) - node.level]) if node.level else ""
            module = ".".join(filter(None, [start, node.module]))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_the_domain_imports_only_the_standard_library_msgspec_and_itself() -> None:
    for path in modules("domain"):
        for name in imported(path):
            top = name.split(".")[0]
            allowed = top in sys.stdlib_module_names or top == "msgspec" or name.startswith("pipeline.domain")
            assert allowed, f"{path.relative_to(PROJECT_DIR)} imports {name}"


def test_the_domain_reaches_neither_clock_nor_chance_nor_the_outside() -> None:
    impure = {
        "random",
        "secrets",
        "time",
        "logging",
        "os",
        "socket",
        "asyncio",
        "threading",
        "subprocess",
        "pathlib",
        "io",
    }
    for path in modules("domain"):
        found = {name.split(".")[0] for name in imported(path)} & impure
        assert not found, f"{path.relative_to(PROJECT_DIR)} imports {sorted(found)}"


@pytest.mark.parametrize("part", sorted(FORBIDDEN))
def test_dependencies_point_inwards_from(part: str) -> None:
    for path in modules(part):
        for name in imported(path):
            words = name.split(".")
            if words[0] == "pipeline" and len(words) > 1:
                assert words[1] not in FORBIDDEN[part], f"{path.relative_to(PROJECT_DIR)} imports {name}"


def test_the_commands_are_imported_by_nothing_but_themselves_and_the_entry_point() -> None:
    inner = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in {"cli", "__main__.py"}]
    assert len(inner) > 50
    for path in inner:
        found = [name for name in imported(path) if name.split(".")[:2] == ["pipeline", "cli"]]
        assert not found, f"{path.relative_to(PROJECT_DIR)} imports {found}"


@pytest.mark.parametrize("part", sorted(FORBIDDEN))
def test_a_part_with_rules_exists(part: str) -> None:
    assert modules(part), f"pipeline/{part} has no module"
    assert all(path.is_file() for path in modules(part))


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "common", "base", "manager", "misc"}
    for path in [*PACKAGE.rglob("*.py"), *(PROJECT_DIR / "tests").rglob("*.py")]:
        assert not {path.stem, path.parent.name} & empty, path
