from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.broker.state import BrokerState
from pipeline.settings import Settings, SettingsError, load_settings, mask_url


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_hold_when_nothing_is_given() -> None:
    settings = load_settings(environ={})

    assert settings == Settings()
    assert (settings.bootstrap, settings.partitions, settings.history_path) == (None, 12, Path(".omni/history"))


def test_file_gives_way_to_environment_and_environment_to_command_line(tmp_path: Path) -> None:
    (tmp_path / "omni.toml").write_text('partitions = 2\ntick_ms = 20\napp_id = "file"\n', encoding="utf-8")

    settings = load_settings(environ={"PIPELINE_PARTITIONS": "3", "PIPELINE_TICK_MS": "30"}, partitions="4")

    assert (settings.partitions, settings.tick_ms, settings.app_id) == (4, 30, "file")
    assert settings.origins["partitions"] == "command line"
    assert settings.origins["tick_ms"] == "$PIPELINE_TICK_MS"
    assert settings.origins["app_id"] == "omni.toml: app_id"


def test_an_option_left_out_overrides_nothing() -> None:
    assert load_settings(environ={"PIPELINE_PARTITIONS": "3"}, partitions=None).partitions == 3


def test_relative_paths_of_a_file_are_meant_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "omni.toml"
    file.write_text('rules_file = "rules.yaml"\n', encoding="utf-8")

    assert load_settings(file, environ={}).rules_file == tmp_path / "conf" / "rules.yaml"
    assert load_settings(environ={"PIPELINE_CONFIG": str(file)}).rules_file == tmp_path / "conf" / "rules.yaml"


def test_history_follows_the_data_directory_unless_it_is_told_otherwise() -> None:
    assert load_settings(environ={}, data_dir="/d").history_path == Path("/d/history")
    assert load_settings(environ={"PIPELINE_HISTORY_PATH": "/h"}, data_dir="/d").history_path == Path("/h")
    assert load_settings(environ={}, data_dir="/d").replace(data_dir="/e").history_path == Path("/e/history")


def test_the_broker_is_the_projects_own_variable_then_the_common_one_then_the_file(tmp_path: Path) -> None:
    (tmp_path / "omni.toml").write_text('bootstrap = "file:1"\n', encoding="utf-8")
    common = {"KAFKA_BOOTSTRAP": "common:2"}

    assert load_settings(environ={}).bootstrap == "file:1"
    assert load_settings(environ=common).bootstrap == "common:2"
    assert load_settings(environ=common | {"PIPELINE_BOOTSTRAP": "own:3"}).bootstrap == "own:3"


def test_a_remembered_broker_that_is_not_running_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / ".omni" / "kafka"
    folder.mkdir(parents=True)
    state = BrokerState(client_port=9, controller_port=10, cluster_id="x", formatted=True, pid=1)
    (folder / "state.json").write_bytes(msgspec.json.encode(state))

    assert load_settings(environ={}).bootstrap is None


def test_channels_may_be_a_list_in_the_file_and_words_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "omni.toml").write_text('channels = ["web", "app"]\n', encoding="utf-8")

    assert load_settings(environ={}).channels == ("web", "app")
    assert load_settings(environ={"PIPELINE_CHANNELS": "pos, kiosk"}).channels == ("pos", "kiosk")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"PIPELINE_PARTITIONS": "0"}, "$PIPELINE_PARTITIONS: partitions = '0' is not valid. Expected int >= 1."),
        ({"PIPELINE_STORE": "disk"}, "$PIPELINE_STORE: store = 'disk' is not valid. Expected memory or rocksdb."),
        ({"KAFKA_BOOTSTRAP": "here"}, "$KAFKA_BOOTSTRAP: bootstrap = 'here' is not valid. Expected host:port"),
        ({"PIPELINE_TOPIC_PREFIX": "a b"}, "Expected letters, digits, dot, underscore and dash only."),
        ({"PIPELINE_SESSION_TIMEOUT_MS": "1000"}, "$PIPELINE_SESSION_TIMEOUT_MS: session_timeout_ms = 1000"),
        ({"PIPELINE_PARTITION": "3"}, "$PIPELINE_PARTITION: unknown setting. Did you mean $PIPELINE_PARTITIONS?"),
        ({"PIPELINE_CONFIG": "none.toml"}, "none.toml: no such file. Name another with --config or $PIPELINE_CONFIG."),
    ],
)
def test_a_wrong_value_is_refused_with_key_place_and_remedy(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("partition = 3", "omni.toml: unknown setting partition. Did you mean partitions?"),
        ("partitions = true", "omni.toml: partitions: partitions = True is not valid. Expected int."),
        ("partitions =", "omni.toml: cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_remedy(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "omni.toml").write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load_settings(environ={})

    assert message in str(caught.value)


def test_variables_of_other_programs_are_left_alone() -> None:
    assert load_settings(environ={"PIPELINE_RUN_NUMBER": "17", "PIPELINE_STORE": ""}) == Settings()


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load_settings(environ={"PIPELINE_CLICKHOUSE_URL": "clickhouse://omni:hidden@db:9000/omni?password=x"})

    assert settings.clickhouse_url == "clickhouse://omni:hidden@db:9000/omni?password=x"
    assert settings.describe()["clickhouse_url"]["value"] == "clickhouse://omni:***@db:9000/omni?***"
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"PIPELINE_CLICKHOUSE_URL": "tcp://omni:hidden@db:9000"})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("password", ["se/cret", "se#cret", "se?cret", "se@cret", "/secret", "a:b/c@d", "[secret"])
def test_no_part_of_a_password_is_shown_whatever_it_holds(password: str) -> None:
    url = f"clickhouse://omni:{password}@db:9000/omni"

    assert mask_url(url) == "clickhouse://omni:***@db:9000/omni"
    assert mask_url(f"omni:{password}@db:9000") == "omni:***@db:9000"


@pytest.mark.parametrize("password", ["sec/ret", "sec#ret", "sec?ret", "se@c/ret"])
def test_a_password_that_would_end_the_url_is_refused_with_how_to_write_it(password: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"PIPELINE_CLICKHOUSE_URL": f"clickhouse://omni:{password}@db:9000/omni"})

    assert "write / as %2F" in str(caught.value)
    assert "ret" not in str(caught.value)


def test_a_url_without_secrets_is_shown_as_it_is() -> None:
    assert mask_url("http://registry:8081/path") == "http://registry:8081/path"
    assert mask_url("clickhouse://default@db:9000/omni") == "clickhouse://default@db:9000/omni"
