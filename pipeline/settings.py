"""One frozen `Settings`: defaults, then `omni.toml`, then the environment, then the command line.

`load_settings` is the only place that reads a file or the environment. Every value knows where it came from, and an
error names the key, that place and the remedy.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from pipeline.errors import USAGE, OmniError

ENV_PREFIX = "PIPELINE_"
CONFIG_VARIABLE = "PIPELINE_CONFIG"
BOOTSTRAP_VARIABLE = "KAFKA_BOOTSTRAP"
DEFAULT_CONFIG = Path("omni.toml")
PROJECT_DIR = Path(__file__).resolve().parent.parent

CHANNELS = (
    "web", "app", "email", "sms", "push", "social", "ads", "pos", "store_sensor", "call_center", "chat", "voice",
    "kiosk", "tablet", "delivery",
)  # fmt: skip

Count = Annotated[int, Meta(ge=1, le=10_000)]
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]
MillisecondsOrNever = Annotated[int, Meta(ge=0, le=86_400_000)]
Ratio = Annotated[float, Meta(gt=0, le=1)]
TopicPart = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)]
TopicPrefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)]
HttpUrl = Annotated[str, Meta(pattern=r"^https?://[^/]+")]
ClickhouseUrl = Annotated[str, Meta(pattern=r"^clickhouses?://[^/]+")]
Addresses = Annotated[str, Meta(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")]

EXPECTED = {
    "bootstrap": "host:port, several separated by commas",
    "topic_prefix": "letters, digits, dot, underscore and dash only",
    "app_id": "letters, digits, dot, underscore and dash only",
    "channels": "channel names of letters, digits, dot, underscore and dash: a list, or separated by commas",
    "registry_url": "http://host:port",
    "clickhouse_url": "clickhouse://user:password@host:9000/database",
    "session_timeout_ms": "at least three times heartbeat_ms",
}
SECRET_URLS = ("registry_url", "clickhouse_url")
# Behind the first colon of the account, up to the last @ there is: rather too much than a part of a password.
_PASSWORD = re.compile(r"^([a-z]+://[^:]*|(?![a-z]+://)[^:]*):.*@", re.DOTALL)
_AT_OUTSIDE_ACCOUNT = re.compile(r"[a-z]+://[^/?#]*[/?#].*@", re.DOTALL)


class SettingsError(OmniError):
    """A setting is wrong: the message says which, where it was given, and what would be right."""

    exit_code = USAGE


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be configured but rules and identity, which have files of their own.

    `bootstrap` is None until it is known which broker to use. `partitions` holds for every topic and is fixed when
    the topics are created. A changed customer is published once per `customers_every_ms`, 0: never; a changed product
    once per `products_every_ms`, 0: never, and then nobody counts who looks at it. What was bought together counts half
    after `complements_half_life_days`, 0: it never fades.
    `history_path` left out is `<data_dir>/history`. `omni history --migrate` has the history delete what is older than
    `history_keep_days`; 0 leaves that as it is, and new tables keep everything. `origins` maps a field to where its
    value came from; absent means its default.
    """

    bootstrap: Addresses | None = None
    topic_prefix: TopicPrefix = ""
    app_id: TopicPart = "omni"
    partitions: Annotated[int, Meta(ge=1, le=1024)] = 12
    replication: Annotated[int, Meta(ge=1, le=15)] = 1
    channels: tuple[TopicPart, ...] = CHANNELS
    data_dir: Path = Path(".omni")
    store: Literal["memory", "rocksdb"] = "memory"
    clock: Literal["wall", "event"] = "wall"
    transport: Literal["batch", "stock"] = "batch"
    rules_file: Path = PROJECT_DIR / "deploy" / "rules.yaml"
    identity_file: Path = PROJECT_DIR / "deploy" / "identity.yaml"
    registry_url: HttpUrl | None = None
    clickhouse_url: ClickhouseUrl | None = None
    history_path: Path = Path()
    history_keep_days: Annotated[int, Meta(ge=0, le=3650)] = 0
    web_port: Annotated[int, Meta(ge=0, le=65535)] = 6066
    history_port: Annotated[int, Meta(ge=0, le=65535)] = 6166
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    tick_ms: Milliseconds = 250
    customers_every_ms: MillisecondsOrNever = 60_000
    complements_half_life_days: Annotated[int, Meta(ge=0, le=3650)] = 180
    products_every_ms: MillisecondsOrNever = 60_000
    batch_max_records: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    commit_interval_ms: Milliseconds = 500
    session_timeout_ms: Milliseconds = 6000
    heartbeat_ms: Milliseconds = 500
    send_timeout_ms: Milliseconds = 30_000
    fuse_invalid_ratio: Ratio = 0.5
    fuse_min_records: Annotated[int, Meta(ge=1)] = 1000
    origins: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.history_path == Path():
            force_setattr(self, "history_path", self.data_dir / "history")

    def replace(self, origin: str = "command line", /, **overrides: object) -> Settings:
        """Return a copy with `overrides` checked and laid over this; None means "not given"."""
        given = {key: value for key, value in overrides.items() if value is not None}
        return _layer(self, given, dict.fromkeys(given, origin), dict.fromkeys(given))

    def describe(self) -> dict[str, dict[str, object]]:
        """Return `{field: {"value", "origin"}}` for people and machines, secrets masked."""
        return {
            name: {"value": _shown(name, getattr(self, name)), "origin": self.origins.get(name, "default")}
            for name in FIELDS
        }


FIELDS: tuple[str, ...] = tuple(name for name in Settings.__struct_fields__ if name != "origins")
_TYPES: dict[str, Any] = get_type_hints(Settings, include_extras=True)


def load_settings(
    config_file: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: object
) -> Settings:
    """Read `config_file` (else `$PIPELINE_CONFIG`, else `./omni.toml` if there is one) and the environment.

    `overrides` are what the command line gave; None means "not given". With no broker named anywhere, `bootstrap` is
    the address of the local broker if one is running out of the data directory. Raises `SettingsError`.
    """
    environ = os.environ if environ is None else environ
    settings = Settings()
    chosen = config_file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if chosen is not None or DEFAULT_CONFIG.is_file():
        settings = _from_file(settings, chosen or DEFAULT_CONFIG)
    settings = _from_environment(settings, environ).replace(**overrides)
    if settings.bootstrap is None:
        from pipeline.broker.state import running_bootstrap

        address = running_bootstrap(settings.data_dir)
        settings = settings.replace(f"local broker in {settings.data_dir}", bootstrap=address)
    return settings


def _from_file(settings: Settings, path: Path) -> Settings:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file. Name another with --config or ${CONFIG_VARIABLE}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}. Mend it or leave it away.") from None
    for key in values:
        if key not in FIELDS:
            near = get_close_matches(key, FIELDS, 1)
            remedy = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(FIELDS)}."
            raise SettingsError(f"{path}: unknown setting {key}. {remedy}")
    places = {key: f"{path}: {key}" for key in values}
    return _layer(settings, values, places, dict.fromkeys(values, path.parent))


def _from_environment(settings: Settings, environ: Mapping[str, str]) -> Settings:
    names = {ENV_PREFIX + field.upper(): field for field in FIELDS}
    values: dict[str, object] = {}
    places: dict[str, str] = {}
    if environ.get(BOOTSTRAP_VARIABLE):
        values["bootstrap"], places["bootstrap"] = environ[BOOTSTRAP_VARIABLE], f"${BOOTSTRAP_VARIABLE}"
    for variable, text in environ.items():
        if variable in names and text:  # an empty variable is an unset one
            values[names[variable]], places[names[variable]] = text, f"${variable}"
        elif variable.startswith(ENV_PREFIX) and variable not in names and variable != CONFIG_VARIABLE:
            near = get_close_matches(variable, names, 1, cutoff=0.85)
            if near:
                raise SettingsError(f"${variable}: unknown setting. Did you mean ${near[0]}?")
    return _layer(settings, values, places, dict.fromkeys(values))


def _layer(
    settings: Settings, values: Mapping[str, object], places: Mapping[str, str], bases: Mapping[str, Path | None]
) -> Settings:
    """Lay `values` over `settings`; relative paths from a file are meant from that file's folder (`bases`)."""
    known = {key: getattr(settings, key) for key in FIELDS}
    for key, value in values.items():
        if key not in FIELDS:
            raise TypeError(f"{key} is not a setting")
        known[key] = _converted(key, value, places[key], bases[key])
    origins = {**settings.origins, **places}
    if "history_path" not in origins:
        known["history_path"] = Path()
    if known["session_timeout_ms"] < 3 * known["heartbeat_ms"]:
        place = origins.get("session_timeout_ms") or origins.get("heartbeat_ms", "default")
        raise SettingsError(
            f"{place}: session_timeout_ms = {known['session_timeout_ms']} with heartbeat_ms = {known['heartbeat_ms']}: "
            f"one lost heartbeat would cost the partitions. Give {EXPECTED['session_timeout_ms']}."
        )
    return Settings(**known, origins=origins)


def _converted(key: str, value: object, place: str, base: Path | None) -> object:
    if key == "channels" and isinstance(value, str):
        value = value.replace(",", " ").split()
    if isinstance(value, Path):
        return value
    try:
        result = msgspec.convert(value, _TYPES[key], strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        expected = EXPECTED.get(key) or _expected(_TYPES[key], error)
        raise SettingsError(f"{place}: {key} = {_shown(key, value)!r} is not valid. Expected {expected}.") from None
    if key in SECRET_URLS and _AT_OUTSIDE_ACCOUNT.match(str(result)):
        raise SettingsError(
            f"{place}: {key} = {mask_url(str(result))!r} has an @ behind the first / ? or #. In user and password "
            "write / as %2F, ? as %3F, # as %23 and @ as %40."
        )
    if isinstance(result, Path):
        result = result.expanduser()
        return base / result if base else result
    return result


def _expected(kind: object, error: msgspec.ValidationError) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    return str(error).removeprefix("Expected ").split(", got ")[0].replace("`", "")


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("Expected a path")


def _shown(key: str, value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    if key in SECRET_URLS and isinstance(value, str):
        return mask_url(value)
    return value


def mask_url(url: str) -> str:
    """Return `url` with its password and its query hidden, also where it is no URL for what the password holds."""
    shown, question, _ = _PASSWORD.sub(r"\1:***@", url).partition("?")
    return shown.partition("#")[0] + ("?***" if question else "")
