"""identity.yaml: what it says is what is used, and what is wrong in it is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.hashed import hash_of
from pipeline.identifiers import identifier_of
from pipeline.identity_file import IdentityFileError, load_identity

EXAMPLE = """\
version: 2026-11-24
order: [account, loyalty, email, phone, payment_token, device, voice_profile, social, cookie]
limits: {account: 1, default: 5}      # identifiers of a kind per customer; `none` = no limit
customers_per_value: 10               # a value seen on more stops linking; `none` = no limit
merge_cap: 100                        # merges per customer
mapping_cap: 1000                     # identifiers per customer
blocked: {values: [guest, unknown], patterns: ["^test-"]}   # added to the built-in list
normalise: {default_country: DE}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "identity.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_complete_example_is_read_as_it_stands(tmp_path: Path) -> None:
    config = load_identity(written(tmp_path, EXAMPLE))

    assert config == IdentityConfig(
        version="2026-11-24",
        limits={"account": 1},
        default_limit=5,
        customers_per_value=10,
        merge_cap=100,
        mapping_cap=1000,
        blocked_values=frozenset({"guest", "unknown"}),
        blocked_patterns=("^test-",),
        default_country="DE",
    )


def test_the_shipped_file_says_the_same_as_the_example(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "deploy" / "identity.yaml"

    assert load_identity(shipped) == load_identity(written(tmp_path, EXAMPLE))


def test_an_empty_file_means_the_built_in_rules(tmp_path: Path) -> None:
    assert load_identity(written(tmp_path, "")) == IdentityConfig()


def test_none_means_no_limit(tmp_path: Path) -> None:
    text = "limits: {email: none, default: none}\ncustomers_per_value: none\nmerge_cap: none\n"

    config = load_identity(written(tmp_path, text))

    assert (config.limits, config.default_limit) == ({"email": None}, None)
    assert (config.customers_per_value, config.merge_cap) == (None, None)


def test_rules_for_addresses_are_off_unless_they_are_named(tmp_path: Path) -> None:
    text = "normalise: {email_plus_tags: drop, email_dots_ignored_at: [GMAIL.com, bücher.example]}\n"

    config = load_identity(written(tmp_path, text))

    assert config.email_plus_tags_dropped
    assert config.email_dots_ignored_at == {"gmail.com", "xn--bcher-kva.example"}
    assert not load_identity(written(tmp_path, "normalise: {email_plus_tags: keep}\n")).email_plus_tags_dropped


@pytest.mark.parametrize("value", ["0800 0000 123", "+49 800 0000123", "Till@Shop.example"])
def test_a_blocked_value_is_meant_however_events_write_it(tmp_path: Path, value: str) -> None:
    config = load_identity(written(tmp_path, f"blocked: {{values: [{value}]}}\nnormalise: {{default_country: DE}}\n"))
    other = {"+49 800 0000123": "0800 / 0000123", "0800 0000 123": "+498000000123"}.get(value, "tILL@shop.example")
    kind = "email" if "@" in other else "phone"

    (_, form), why = identifier_of(kind, other, None, config)

    assert why == "blocked_value"
    assert identifier_of(f"{kind}_sha256", hash_of(form), None, config)[1] == "blocked_value"


def test_kinds_of_the_shops_own_are_welcome(tmp_path: Path) -> None:
    config = load_identity(written(tmp_path, "order: [account, badge]\nlimits: {badge: 2}\n"))

    assert config.order == ("account", "badge")
    assert config.limits == {"badge": 2}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("version: 1\nordre: [account]\n", 2, "unknown key ordre in the file. Did you mean order?"),
        ("blocked:\n  vaules: [x]\n", 2, "unknown key vaules in blocked. Did you mean values?"),
        ("order: [account,\n  emial]\n", 2, "unknown kind emial. Did you mean email?"),
        ("limits:\n  acount: 1\n", 2, "unknown kind acount. Did you mean account?"),
        ("limits:\n  defualt: 1\n", 2, "unknown kind defualt. Did you mean default?"),
        ("order: [account, account]\n", 1, "account stands twice in order."),
        ("order: []\n", 1, "order is empty."),
        ("order: account\n", 1, "order must be a list"),
        ("order: [Account]\n", 1, "unknown kind Account. Did you mean account?"),
        ("merge_cap: 1\nmerge_cap: 2\n", 2, "merge_cap stands twice"),
        ("merge_cap: many\n", 1, "'many' is not a limit"),
        ("merge_cap: 0\n", 1, "'0' is not a limit"),
        ("mapping_cap: none\n", 1, "'none' is not a limit"),
        ("version: 1\nmapping_cap: 10001\n", 2, "mapping_cap: 10001 is more than 10000"),
        ("blocked: {patterns: ['(']}\n", 1, "'(' is not a regular expression"),
        ("normalise: {default_country: Germany}\n", 1, "'Germany' is not an ISO 3166 country"),
        ("normalise:\n  default_country: de\n", 2, "'de' is not an ISO 3166 country with phones. Did you mean DE?"),
        ("normalise:\n  default_contry: DE\n", 2, "unknown key default_contry in normalise. Did you mean default_c"),
        ("normalise:\n  email_plus_tags: dorp\n", 2, "email_plus_tags: unknown word dorp. Did you mean drop?"),
        ("normalise: {email_dots_ignored_at: gmail.com}\n", 1, "email_dots_ignored_at must be a list"),
        ("normalise: {email_dots_ignored_at: [gmail]}\n", 1, "'gmail' is not a domain. Write it like gmail.com."),
        ("order: [email_sha256]\n", 1, "email_sha256 links as email. Name that."),
        ("- order\n", 1, "the file must be a mapping"),
        ("version: 1\norder: [account\n", 3, "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_the_remedy(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(IdentityFileError) as refusal:
        load_identity(path)

    assert str(refusal.value).startswith(f"{path}:{line}: ")
    assert says in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IdentityFileError, match=r"nowhere\.yaml: cannot be read"):
        load_identity(tmp_path / "nowhere.yaml")
