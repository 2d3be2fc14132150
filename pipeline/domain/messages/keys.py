"""The keys that shards go by: tenants with equal identifiers never meet."""

from __future__ import annotations

from typing import TypeAlias

from pipeline.domain.identity.hashed import node_of

Identifier: TypeAlias = tuple[str, str]
"""Kind and normalised value: ("email", "a@example.com"), or its hashed form (see `hashed.py`)."""


def identity_key(tenant: str, identifier: Identifier) -> str:
    """Key of an identifier's shard, the same for a value and its hash: tenants with equal identifiers never meet."""
    kind, value = node_of(identifier)
    return f"{tenant}\x1f{kind}:{value}"


def customer_key(tenant: str, customer_id: str) -> str:
    """Key of a customer's shard."""
    return f"{tenant}\x1f{customer_id}"


def product_key(tenant: str, sku: str) -> str:
    """Key of a product's shard."""
    return f"{tenant}\x1f{sku}"
