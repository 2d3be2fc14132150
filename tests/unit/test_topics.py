from __future__ import annotations

from pipeline.settings import Settings
from pipeline.topics import (
    ACTORS,
    CATALOG_PRODUCTS,
    CATALOG_STOCK,
    DECLARED,
    changelog_topic,
    channel_topic,
    inbox_topic,
    markdown_table,
    prefixed,
    retention,
    topics,
    trigger_topic,
)

SETTINGS = Settings(topic_prefix="test.", app_id="shop", partitions=4, channels=("web", "pos"))


def test_every_topic_a_part_may_name_is_declared() -> None:
    declared = {topic.name for topic in topics(SETTINGS, ["cart_reminder"])}

    assert {channel_topic(SETTINGS, "web"), channel_topic(SETTINGS, "pos")} <= declared
    assert {inbox_topic(SETTINGS, actor) for actor in ACTORS} <= declared
    assert {changelog_topic(SETTINGS, actor) for actor in ACTORS} <= declared
    assert trigger_topic(SETTINGS, "cart_reminder") in declared
    assert {prefixed(SETTINGS, CATALOG_PRODUCTS), prefixed(SETTINGS, CATALOG_STOCK)} <= declared


def test_prefix_separates_installations() -> None:
    ours = {topic.name for topic in topics(SETTINGS, ["a"])}
    theirs = {topic.name for topic in topics(Settings(topic_prefix="other."), ["a"])}

    assert all(name.startswith("test.") for name in ours)
    assert not ours & theirs


def test_changelog_is_named_by_prefix_application_and_actor() -> None:
    assert changelog_topic(SETTINGS, "customer") == "test.shop-customer-changelog"


def test_every_topic_has_the_same_number_of_partitions_so_that_shards_meet() -> None:
    assert {topic.partitions for topic in topics(SETTINGS, ["a"]) if topic.name != "test.rules"} == {4}


def test_rules_have_one_order_and_are_kept_for_ever() -> None:
    (rules,) = [topic for topic in topics(SETTINGS) if topic.name == "test.rules"]

    assert (rules.partitions, rules.configs["cleanup.policy"], rules.configs["retention.ms"]) == (1, "delete", "-1")
    assert retention(rules.configs) == "for ever"


def test_each_rule_has_its_own_topic_and_no_rule_has_none() -> None:
    names = [topic.name for topic in topics(SETTINGS, ["a", "b"]) if ".triggers." in topic.name]

    assert names == ["test.triggers.a", "test.triggers.b"]
    assert not [topic for topic in topics(SETTINGS) if ".triggers." in topic.name]


def test_what_is_deleted_by_age_ages_in_the_log_so_that_last_years_events_can_be_replayed() -> None:
    for topic in topics(SETTINGS, ["a"]):
        if topic.configs["cleanup.policy"] == "delete":
            assert topic.configs["message.timestamp.type"] == "LogAppendTime", topic.name


def test_state_and_feeds_are_compacted_and_never_deleted_by_age() -> None:
    compacted = {topic.name for topic in topics(SETTINGS) if topic.configs["cleanup.policy"] == "compact"}

    assert compacted == {
        "test.shop-identity-changelog",
        "test.shop-customer-changelog",
        "test.shop-product-changelog",
        "test.customers",
        "test.audiences",
        "test.catalog.view",
    }


def test_envelopes_state_and_what_was_refused_may_be_as_big_as_a_batch() -> None:
    for topic in topics(SETTINGS):
        if topic.name.endswith((".inbox", "-changelog", "deadletter")):
            assert topic.configs["max.message.bytes"] == "16777216", topic.name


def test_three_replicas_need_two_in_step() -> None:
    assert all(topic.configs["min.insync.replicas"] == "2" for topic in topics(Settings(replication=3)))
    assert not any("min.insync.replicas" in topic.configs for topic in topics(Settings(replication=1)))


def test_names_do_not_repeat() -> None:
    names = [topic.name for topic in topics(Settings(), ["a", "b"])]

    assert len(names) == len(set(names))


def test_the_readme_table_has_one_line_per_declaration() -> None:
    lines = markdown_table(SETTINGS).splitlines()

    assert len(lines) == 2 + len(DECLARED)
    assert "| `channel.<channel>` | anything; an identifier is best | ChannelEvent (Avro) | 4 | 7 days |" in lines[2]
