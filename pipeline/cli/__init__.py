"""The commands, one file each. A command's module is imported only when it is run or asked for help.

A module offers `HELP` (one line), `EXAMPLE` (commands to copy), `add_arguments(parser)` and
`run(args, settings) -> int` (0 done, 1 the answer is no). It prints its answer to standard output (one JSON document
with `args.json`) and everything else to standard error. What goes wrong is an `OmniError`, with the exit status. An
option whose `dest` is the name of a setting overrides that setting before `run` is called.
"""

from __future__ import annotations

import argparse
from typing import Final, Protocol

from msgspec import Struct

from pipeline.settings import Settings


class CommandModule(Protocol):
    """What a file in this folder offers."""

    HELP: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own options."""

    def run(self, args: argparse.Namespace, settings: Settings) -> int:
        """Do it; return the exit status."""


class Command(Struct, frozen=True):
    """A line of `omni --help`: the module (in this folder) and what it does."""

    module: str
    summary: str


COMMANDS: Final[dict[str, Command]] = {
    "demo": Command("demo", "play a shop on every channel and watch its triggers arrive"),
    "simulate": Command("simulate", "run the same actors over files, on event time, without a broker"),
    "backtest": Command("backtest", "what a rules file would have sent over stored history, against another"),
    "publish": Command("publish", "put JSON events, products and stock onto their topics"),
    "replay": Command("replay", "put a data set or an export onto the channel topics, at a chosen speed"),
    "kafka": Command("kafka", "start, stop or look at the local broker"),
    "worker": Command("worker", "run a worker: ingest, identity, customers, products, triggers"),
    "history": Command("history", "write events, triggers and decisions into ClickHouse or embedded chdb"),
    "tail": Command("tail", "follow a topic, decoded"),
    "customer": Command("customer", "show one customer: state, timeline, why each message was or was not sent"),
    "product": Command("product", "show one product: facts, prices, stock, what goes well with it, who wants it"),
    "assortment": Command("assortment", "what a store should offer, and what is offered in the wrong channel"),
    "identity": Command(
        "identity", "whose an identifier is and why; merge, undo a merge, block a value; suggest merges"
    ),
    "rules": Command("rules", "check a rules file, show the rules in force, explain one in plain words"),
    "audiences": Command("audiences", "write the members of an audience as a customer list of an ad platform"),
    "topics": Command("topics", "create the topics, check them, print their table"),
    "deadletter": Command("deadletter", "list and show what was refused, and why; send it once more"),
    "schemas": Command("schemas", "check the schemas' compatibility, register them, list the event types"),
    "sql": Command("sql", "query the history"),
    "report": Command(
        "report", "named reports of the history: funnels, attribution, cohorts, effects, as table or chart"
    ),
    "doctor": Command("doctor", "show the settings, what is reachable, and what to do about the rest"),
}
