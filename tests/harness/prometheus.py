"""A Prometheus of one's own, with the rules and the scrape configuration of deploy/prometheus."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from pipeline.broker.ready import free_ports
from pipeline.settings import PROJECT_DIR
from tests.harness.waiting import wait_until

DEPLOYED = PROJECT_DIR / "deploy" / "prometheus"
EVERY = "1s"
"""Scraped and evaluated this often, so that a test need not wait for minutes."""


class Prometheus:
    """Answers PromQL."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def query(self, expression: str) -> list[float]:
        """Return the present value of each series, but for those without one (0 / 0)."""
        found = self._get("query", query=expression)["result"]
        values = [float(series["value"][1]) for series in found]
        return [value for value in values if not math.isnan(value)]

    def trouble(self) -> list[str]:
        """Return what it says of targets that could not be scraped, and of rules that could not be evaluated."""
        targets = [target["lastError"] for target in self._get("targets")["activeTargets"]]
        rules = [rule.get("lastError", "") for group in self._get("rules")["groups"] for rule in group["rules"]]
        return [said for said in targets + rules if said]

    def _get(self, path: str, **words: str) -> Any:
        with urlopen(f"{self._url}/{path}?{urlencode(words)}", timeout=10) as answer:
            return json.load(answer)["data"]


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, Sequence[int]]) -> Iterator[Prometheus]:
    """Run one meanwhile that scrapes the deployed `jobs` at these ports of this machine."""
    config = yaml.safe_load((DEPLOYED / "prometheus.yaml").read_text(encoding="utf-8"))
    config["global"] = dict.fromkeys(config["global"], EVERY)
    config["rule_files"] = [str(DEPLOYED / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in jobs[job["job_name"]]]}]
    folder.mkdir()
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    (port,) = free_ports(1)
    words = {"config.file": file, "storage.tsdb.path": folder / "data", "web.listen-address": f"127.0.0.1:{port}"}
    command = ["prometheus", *(f"--{name}={value}" for name, value in words.items())]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: _ready(port), "Prometheus is ready")
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
