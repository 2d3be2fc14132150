"""Reads YAML that people write: every complaint says the file, the line, what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


class YamlFile:
    """The nodes of one file. A subclass turns them into values, and names the `error` that a wrong file raises."""

    error: ClassVar[type[Exception]]

    def __init__(self, path: Path, text: str | None = None) -> None:
        """Read the file, or `text` if that is known already."""
        self.path = path
        self.text = self.text_of(path) if text is None else text
        try:
            self.root: Node | None = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or str(error)
            raise self.error(f"{path}{line}: not YAML: {problem}.") from None

    @classmethod
    def text_of(cls, path: Path) -> str:
        """Return what stands in a file. Raises `error` if it cannot be read."""
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise cls.error(f"{path}: cannot be read: {error}. Name an existing UTF-8 file.") from None

    def mapping(self, node: Node | None, place: str, keys: Iterable[str] | None) -> dict[str, Node]:
        """Return the values by key; an absent node has none. `keys` are those allowed, None allows all."""
        known = None if keys is None else tuple(keys)
        pairs = {} if node is None else self.pairs(node, place)
        for key, (key_node, _) in pairs.items():
            if known is not None and key not in known:
                raise self.unknown_key(key_node, key, place, known)
        return {key: value for key, (_, value) in pairs.items()}

    def pairs(self, node: Node, place: str) -> dict[str, tuple[Node, Node]]:
        """Return the nodes of key and value by key, whatever the keys are."""
        if not isinstance(node, MappingNode):
            raise self.wrong(node, f"{place} must be a mapping (key: value).")
        found: dict[str, tuple[Node, Node]] = {}
        for key_node, value in node.value:
            key = self.one_value(key_node, "a key")
            if key in found:
                raise self.wrong(key_node, f"{key} stands twice in {place}. Leave one away.")
            found[key] = (key_node, value)
        return found

    def entries(self, node: Node | None, place: str) -> list[Node]:
        """Return the entries of a list; an absent one has none."""
        if node is None:
            return []
        if not isinstance(node, SequenceNode):
            raise self.wrong(node, f"{place} must be a list, like [one, two].")
        return list(node.value)

    def one_value(self, node: Node, place: str) -> str:
        """Return a value as it is written."""
        if not isinstance(node, ScalarNode) or not node.value:
            raise self.wrong(node, f"{place} must be one value.")
        return str(node.value)

    def unknown_key(self, node: Node, key: str, place: str, known: tuple[str, ...]) -> Exception:
        """Return the complaint about a key that is not allowed."""
        return self.wrong(node, f"unknown key {key} in {place}. {nearest(key, known)}")

    def wrong(self, node: Node, problem: str) -> Exception:
        """Return the complaint about a node."""
        return self.error(f"{self.path}:{node.start_mark.line + 1}: {problem}")


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Return what to say to somebody who wrote `word`, which is not known."""
    near = get_close_matches(word, known, 1)
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
