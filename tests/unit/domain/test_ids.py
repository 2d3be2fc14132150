"""Ids made of names."""

from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.ids import uuid5_text


@given(st.uuids(), st.text())
def test_an_id_is_the_uuid_of_version_5_that_everybody_else_would_compute(namespace: UUID, name: str) -> None:
    assert uuid5_text(namespace, name) == str(uuid5(namespace, name))
