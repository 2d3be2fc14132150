"""The tables of deploy/monitoring/README.md, from the metrics themselves."""

from __future__ import annotations

from prometheus_client.metrics import MetricWrapperBase

from pipeline import metrics


class Declared:
    """What is known of one metric. `name` is that of its declaration, without `_total`."""

    def __init__(self, metric: MetricWrapperBase) -> None:
        """Ask the metric."""
        (described,) = metric.describe()
        self.metric = metric
        self.name: str = described.name
        self.type: str = described.type
        self.help: str = described.documentation
        self.labels: tuple[str, ...] = tuple(metric._labelnames)

    @property
    def exposed(self) -> str:
        """Its name on `/metrics`."""
        return f"{self.name}_total" if self.type == "counter" else self.name


def declared() -> list[Declared]:
    """Return every metric, in the order of the code."""
    return [Declared(value) for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]


def markdown_table() -> str:
    """Return metrics, labels, and what is counted, as Markdown."""
    lines = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    lines += [
        f"| `{each.exposed}` | {each.type} | {', '.join(f'`{label}`' for label in each.labels)} | {each.help} |"
        for each in declared()
    ]
    lines += ["", "| label | values |", "|---|---|"]
    lines += [f"| `{label}` | {values} |" for label, values in metrics.LABELS.items()]
    lines += ["", "| `omni_counted_total`, `what` | counts |", "|---|---|"]
    lines += [f"| `{what}` | {meaning} |" for what, meaning in metrics.COUNTED.items()]
    return "\n".join(lines)
