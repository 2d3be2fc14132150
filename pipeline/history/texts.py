"""Values as SQL literals."""

from __future__ import annotations

from collections.abc import Iterable


def texts(values: Iterable[str]) -> str:
    r"""Return SQL literals, for `IN (…)`.

    >>> print(texts(["a", "it's"]))
    'a', 'it\'s'
    """
    return ", ".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)
