"""`omni audiences export` from the topic: what is in the file, and when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.clients import follower
from pipeline.clients.follower import Received
from pipeline.domain.records import AudienceMember
from pipeline.wire.records import encode_record

TEN = 1_795_514_400_000


def member(customer_id: str, audience: str = "ads") -> bytes:
    addresses: dict[str, tuple[str, ...]] = {"email": (customer_id[-1] * 64,)}
    return encode_record(AudienceMember(audience, "default", customer_id, True, TEN, "condition", addresses, (), TEN))


def export(monkeypatch: pytest.MonkeyPatch, path: Path, *records: tuple[str, bytes | None]) -> int:
    def follow(*_: Any, **__: Any) -> Iterator[Received]:
        for offset, (key, value) in enumerate(records):
            yield Received("audiences", 0, offset, TEN, key.encode(), value)

    monkeypatch.setattr(follower, "follow", follow)
    return main(["audiences", "export", "ads", "--format", "tiktok", "--out", str(path)])


def test_a_customer_whose_record_an_operator_has_removed_is_not_listed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "ads.csv"
    ada, ben = ("ads/customer-a", member("customer-a")), ("ads/customer-b", member("customer-b"))

    assert export(monkeypatch, path, ada, ben, ("ads/customer-a", None)) == 0

    assert path.read_text().splitlines() == ["Email_SHA256", "b" * 64]


def test_a_record_that_cannot_be_read_leaves_no_half_list_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ads.csv"

    assert export(monkeypatch, path, ("ads/customer-a", member("customer-a")), ("ads/customer-b", b"new")) == 1

    assert "audiences/0, offset 1: not a audience_member" in capsys.readouterr().err
    assert not path.exists()
