"""`omni assortment` as a person and a machine read it, without a broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.domain.records import CatalogView, DemandCounts, GoesWith
from pipeline.errors import DONE, NO, USAGE

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""

USUAL = {"web": DemandCounts(views=1_000.0, sales=100.0), "app": DemandCounts(views=1_000.0, sales=300.0)}
SOFA = {"web": DemandCounts(views=400.0, sales=4.0), "app": DemandCounts(views=60.0, sales=24.0)}
VIEWS = [
    CatalogView(
        "default", "lamp", TEN, "Lamp", rating=4.5, ratings=12, channels=USUAL,
        demand=DemandCounts(views=2_000.0, sales=400.0, wishes=9.0, recent=900.0),
    ),
    CatalogView(
        "default", "sofa", TEN - 5, demand=DemandCounts(views=460.0, sales=28.0), channels=SOFA,
        stores={"berlin": DemandCounts(sales=24.0)}, complements=(GoesWith("lamp", 3, 0.1),),
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = {"default": VIEWS}
    monkeypatch.setattr("pipeline.clients.catalog.catalog", lambda _, tenant: iter(known.get(tenant, [])))


def test_people_read_lists_with_headings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assortment"]) == DONE

    assert capsys.readouterr().out == (
        "All stores and channels, as of 2026-11-24T10:00:00.000Z\n"
        "\nBest sellers\n  400.0 orders  lamp  Lamp\n  28.0 orders  sofa\n"
        "\nMost wished for\n  9.0 wishes  lamp  Lamp\n"
        "\nAt least 4 stars\n  4.50 of 12  lamp  Lamp\n"
        "\nTrending now\n  5.2 times as usual  lamp  Lamp\n"
        "\nBought together\n  3 orders  lamp + sofa  Lamp\n"
        "\nIn the wrong channel\n"
        "  sofa: sells in app (24 of 60 bought: 40.0%, surely 28.6% to 52.6%; usual 30.0%), "
        "not in web (4 of 400 bought: 1.0%, surely 0.4% to 2.5%; usual 10.0%)\n"
    )


def test_machines_read_one_document_of_the_store_they_ask_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assortment", "--store", "berlin", "--json"]) == DONE

    told = json.loads(capsys.readouterr().out)
    assert told == {
        "as_of": "2026-11-24T10:00:00.000Z",
        "store": "berlin",
        "tenant": "default",
        "best_sellers": [{"name": "", "sales": 24.0, "sku": "sofa"}],
        "bought_together": [],
        "four_stars": [],
        "most_wished": [],
        "trending": [],
    }


def test_s8_what_stores_hold_in_a_size_is_told_of_one_category(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dress = CatalogView(
        "default", "wrap", TEN, "Wrap dress", "dresses", stock={"berlin": {"38": 2}, "": {"38": 30}}, backorder=True
    )
    shoes = CatalogView("default", "pumps", TEN, "Pumps", "shoes", stock={"berlin": {"38": 7}})
    monkeypatch.setattr("pipeline.clients.catalog.catalog", lambda _, tenant: iter([dress, shoes]))

    assert main(["assortment", "--category", "dresses", "--size", "38"]) == DONE
    assert (
        "There in this size\n  warehouse 30, berlin 2, made or ordered then  wrap  Wrap dress\n"
        in capsys.readouterr().out
    )

    assert main(["assortment", "--category", "dresses", "--size", "38", "--store", "berlin", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["in_size"] == [
        {"backorder": True, "name": "Wrap dress", "sku": "wrap", "stores": {"berlin": 2}}
    ]


def test_counts_are_as_of_the_time_asked_for_and_lists_as_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assortment", "--at", "2026-12-08T10:00:00Z", "--top", "1", "--json"]) == DONE

    told = json.loads(capsys.readouterr().out)
    assert (told["as_of"], told["best_sellers"]) == (
        "2026-12-08T10:00:00.000Z",
        [{"name": "Lamp", "sales": 200.0, "sku": "lamp"}],
    )


def test_of_a_tenant_without_products_there_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assortment", "--tenant", "nobody", "--json"]) == NO

    streams = capsys.readouterr()
    assert streams.out == ""
    assert "No products of tenant nobody on catalog.view" in streams.err


def test_a_time_before_the_latest_that_is_known_is_refused_because_counts_of_the_past_are_not_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["assortment", "--at", "2026-11-24T09:59:59Z"]) == USAGE

    streams = capsys.readouterr()
    assert streams.out == ""
    assert "2026-11-24T10:00:00.000Z" in streams.err


def test_what_a_product_is_called_cannot_move_the_cursor_of_who_reads_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = CatalogView("default", "lamp", TEN, "Lamp\x1b[2J\nBest sellers", demand=DemandCounts(sales=4.0))
    monkeypatch.setattr("pipeline.clients.catalog.catalog", lambda _, tenant: iter([named]))

    assert main(["assortment"]) == DONE

    assert "  4.0 orders  lamp  Lamp\\x1b[2J\\nBest sellers\n" in capsys.readouterr().out
