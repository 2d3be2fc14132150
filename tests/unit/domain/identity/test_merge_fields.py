"""The table of what a merge does to a customer: complete, and the one that people read."""

from __future__ import annotations

from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.merge_fields import FIELDS
from pipeline.settings import PROJECT_DIR

README = (PROJECT_DIR / "pipeline" / "domain" / "identity" / "README.md").read_text(encoding="utf-8")


def test_every_field_of_a_customer_says_what_a_merge_does_to_it() -> None:
    assert list(FIELDS) == list(CustomerState.__struct_fields__)


def test_the_table_in_the_readme_is_that_of_the_code() -> None:
    rows = [f"| `{field}` | {says} |" for field, (says, _) in FIELDS.items()]
    table = "\n".join(["| field | of two customers |", "|---|---|", *rows])

    begin, end = "<!-- fields:begin – from FIELDS in merge_fields.py; a test compares -->\n", "\n<!-- fields:end -->"
    assert README.partition(begin)[2].partition(end)[0] == table
