"""Tests of the parts of a product."""
