"""The JSON Schema of a rules file, for editors: made from the structs it is read by.

Draft 7, which the YAML language servers of editors know best.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, Literal, TypeAlias, get_args, get_origin

from msgspec import Meta, Struct

from pipeline.domain.conditions import CONDITIONS
from pipeline.domain.triggers import RULES
from pipeline.rules_file.model import FORMS, UNIONS, Entry, RuleEntry, Sheet
from pipeline.struct_types import Parameter, Unit, bare, head, is_struct, list_item, one_of, parameters, without_none
from pipeline.yaml_structs import NONE

Json: TypeAlias = dict[str, Any]

TEXT: Json = {"type": ["string", "number", "boolean"]}
"""A text may look like a number to YAML: a SKU, a size."""

DURATION = "^[0-9]{1,9}[smhd]$"


def rules_schema() -> Json:
    """Return the schema."""
    definitions: dict[str, Json] = {}
    root = _Schema(definitions).struct(Sheet)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rules of omni",
        **root,
        "definitions": dict(sorted(definitions.items())),
    }


class _Schema:
    """Collects what is referred to among `definitions`."""

    def __init__(self, definitions: dict[str, Json]) -> None:
        self._definitions = definitions

    def struct(self, struct: type[Struct]) -> Json:
        return _mapping(struct.__doc__, parameters(struct), self._properties(struct))

    def _properties(self, struct: type[Struct]) -> Json:
        return {key: self._parameter(each) for key, each in parameters(struct).items()}

    def _parameter(self, each: Parameter) -> Json:
        schema = self._value(each.type, each.unit)
        if each.meta.description:
            described = {"allOf": [schema]} if "$ref" in schema else schema  # beside $ref, draft 7 reads nothing
            return {"description": each.meta.description, **described}
        return schema

    def _value(self, annotation: Any, unit: Unit) -> Json:
        kind, meta = bare(annotation)
        members, optional = without_none(kind)
        if str in members and len(members) > 1:
            lists = [member for member in members if list_item(member) is not None]
            return {"anyOf": [TEXT, *(self._value(member, unit) for member in lists)]}
        if optional or len(members) > 1:
            schemas = [self._value(member, unit) for member in members]
            if optional and str not in members:
                schemas.append({"const": NONE})
            return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return self._plain(kind, meta, unit)

    def _plain(self, kind: Any, meta: Meta, unit: Unit) -> Json:
        item = list_item(kind)
        if kind is Entry:
            return self._named("rule", self._rule)
        if item is not None:
            bounds = {"minItems": meta.min_length} if meta.min_length else {}
            return {"type": "array", "items": self._value(item, unit), **bounds}
        if kind in UNIONS:
            return self._named("condition", self._condition)
        if kind in FORMS:
            return {"type": "string", "pattern": FORMS[kind].pattern}
        if is_struct(kind):
            return self._named(kind.__name__, lambda: self.struct(kind))
        if get_origin(kind) is dict:
            return {"type": "object", "additionalProperties": self._value(get_args(kind)[1], unit)}
        if get_origin(kind) is Literal:
            return {"enum": list(get_args(kind))}
        if kind is str:
            return _text(meta)
        if kind is bool:
            return {"type": "boolean"}
        if unit == "duration":
            return {"type": "string", "pattern": DURATION}
        if unit == "money":
            return {"type": "number", "minimum": 0}
        return _number(kind, meta)

    def _named(self, name: str, made: Any) -> Json:
        """Refer to a definition, which may hold itself."""
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = made()
        return {"$ref": f"#/definitions/{name}"}

    def _condition(self) -> Json:
        """One property of a mapping says which condition it is: each has its own branch, so complaints are exact."""
        heads = {head(condition): condition for condition in CONDITIONS}
        branches = [
            {"if": {"required": [key]}, "then": self._named(f"condition_{key}", lambda c=each: self.struct(c))}
            for key, each in heads.items()
        ]
        described = {key: {"description": cleandoc(each.__doc__ or "")} for key, each in heads.items()}
        one = {"anyOf": [{"required": [key]} for key in heads]}
        return {"type": "object", "properties": described, **one, "allOf": branches}

    def _rule(self) -> Json:
        """The kind says which parameters there are, beside those of every rule."""
        shared = self._properties(RuleEntry)
        branches = []
        for kind, logic in sorted(RULES.items()):
            properties = {**dict.fromkeys(shared, True), **self._properties(logic.config_type)}
            self._definitions[f"rule_{kind}"] = _mapping(logic.__doc__, parameters(logic.config_type), properties)
            named = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
            branches.append({"if": named, "then": {"$ref": f"#/definitions/rule_{kind}"}})
        shared["kind"] = {"enum": sorted(RULES), "description": shared["kind"]["description"]}
        return {"type": "object", "required": ["name", "kind"], "properties": shared, "allOf": branches}


def _mapping(says: str | None, known: dict[str, Parameter], properties: Json) -> Json:
    required = [key for key, each in known.items() if each.required]
    return {
        "description": cleandoc(says or ""),
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": properties,
    }


def _text(meta: Meta) -> Json:
    if one_of(meta):
        return {"enum": list(one_of(meta))}
    if meta.pattern:
        return {"type": "string", "pattern": f"^{meta.pattern.strip('^$')}$"}
    return TEXT


def _number(kind: Any, meta: Meta) -> Json:
    bounds = {"minimum": meta.ge, "maximum": meta.le, "exclusiveMinimum": meta.gt, "exclusiveMaximum": meta.lt}
    given = {key: bound for key, bound in bounds.items() if bound is not None}
    return {"type": "integer" if kind is int else "number", **given}
