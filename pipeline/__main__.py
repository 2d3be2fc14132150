"""`omni …` and `python -m pipeline …`: reads the arguments and hands them to one command. Nothing else."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from pipeline.cli import COMMANDS, CommandModule
from pipeline.errors import DONE, NO, OmniError
from pipeline.settings import FIELDS, load_settings

INTERRUPTED = 130
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    overview = _overview()
    if not given or given[0] not in COMMANDS:
        overview.parse_args(given[:1] or ["--help"])  # prints help or the error, and leaves
    module = _load(given[0])
    args = _parser(given[0], module).parse_intermixed_args(given[1:])  # options before, after and between
    try:
        overrides = {key: value for key, value in vars(args).items() if key in FIELDS}
        settings = load_settings(args.config, **overrides)
        logging.basicConfig(
            stream=sys.stderr,
            level=settings.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it has to say, its exceptions say
        logging.getLogger("aiokafka.producer.sender").setLevel(logging.ERROR)  # it warns of each retry on a new topic
        status = module.run(args, settings)
        sys.stdout.flush()
    except OmniError as error:
        sys.stderr.write(f"omni: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `omni tail … | head`: the reader has had enough
        _write_no_more()
        return DONE
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _write_no_more()
        sys.stderr.write(f"omni: There is no room where this writes ({error}). Free some, and run it again.\n")
        return NO
    return status


def _write_no_more() -> None:
    """Let what is buffered for standard output go nowhere, or the interpreter's end would fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _overview() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:<11} {command.summary}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="omni",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="omni COMMAND [options]",
        description=f"Channel events in; customers, carts and triggers out.\n\ncommands:\n{lines}",
        epilog="`omni COMMAND --help` shows the options of a command, with an example.",
    )
    parser.add_argument("command", metavar="COMMAND", choices=list(COMMANDS), help=argparse.SUPPRESS)
    return parser


def _load(name: str) -> CommandModule:
    return cast(CommandModule, import_module(f"pipeline.cli.{COMMANDS[name].module}"))


def _parser(name: str, module: CommandModule) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"omni {name}",
        description=module.HELP,
        epilog=f"example:\n{_indented(module.EXAMPLE)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        conflict_handler="resolve",  # a command may give a shared option a meaning of its own
        allow_abbrev=False,
    )
    shared = parser.add_argument_group("options of every command")
    shared.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: ./omni.toml)")
    shared.add_argument("--json", action="store_true", help="one JSON document on standard output")
    shared.add_argument("--bootstrap", metavar="HOST:PORT", help="the Kafka to use")
    shared.add_argument("--topic-prefix", metavar="TEXT", help="put in front of every topic; separates installations")
    shared.add_argument("--partitions", metavar="N", help="partitions of every topic, fixed when they are created")
    shared.add_argument("--data-dir", metavar="DIR", help="what this installation keeps on disk (default: .omni)")
    shared.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    module.add_arguments(parser)
    return parser


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
