"""Write what is generated: deploy/grafana/dashboards and the tables of deploy/monitoring/README.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipeline.monitoring.dashboards import DASHBOARDS
from pipeline.monitoring.metrics_table import markdown_table
from pipeline.settings import PROJECT_DIR

BEGIN, END = "<!-- metrics:begin -->", "<!-- metrics:end -->"


def generated(deploy: Path) -> dict[Path, str]:
    """Return every generated file below `deploy` with its content."""
    folder = deploy / "grafana" / "dashboards"
    found = {
        folder / f"{dashboard.uid}.json": json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n"
        for dashboard in DASHBOARDS
    }
    readme = deploy / "monitoring" / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    found[readme] = f"{before}{BEGIN}\n{markdown_table()}\n{END}{rest.partition(END)[2]}"
    return found


def main() -> int:
    """Write all of them."""
    for path, content in generated(PROJECT_DIR / "deploy").items():
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
