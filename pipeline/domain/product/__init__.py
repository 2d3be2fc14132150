"""The product actor: one state per SKU, made of parts, each a small pure module."""
