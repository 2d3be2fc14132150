"""What several reports are made of: subqueries, and expressions that follow the domain's own tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

from pipeline.domain.channel_groups import SITE_KINDS
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.facets.journey import ENTERING, STAGES, SUPPORT
from pipeline.domain.facets.service import SCALES
from pipeline.history.texts import texts

PASSIVE: Final = frozenset(
    {
        "email_delivered", "email_bounced", "email_marked_as_spam", "push_received", "sms_delivered", "order_updated",
        "order_shipped", "order_delivered", "order_collected", "order_cancelled", "order_refunded", "points_earned",
        "tier_changed", "voucher_issued", "referral_redeemed", "appointment_cancelled", "case_closed", "call_ended",
        "chat_ended",
    }
    | {kind.name for kind in EVENT_TYPES.values() if kind.family == "operators"}
)  # fmt: skip
"""What happens to a customer, or ends what was begun: it is no visit."""

_MARKS: Final = ("opened", "closed", *STAGES)
"""What a journey is told by; of what is told for one moment the first in this order comes first."""
_COMMENT: Final = re.compile(r"^\s*--.*\n", re.MULTILINE)


def parts(words: Mapping[str, str], wanted: list[str]) -> dict[str, str]:
    """Return the parts among `wanted`, filled in with `words` and with the parts that they need themselves."""
    templates = _templates()
    filled = dict[str, str]()
    for name in wanted:
        if name in templates:
            template = templates[name]
            needed = parts(words, template.get_identifiers())
            filled[name] = template.substitute({**needed, **words}).strip()
    return filled


@cache
def _templates() -> dict[str, Template]:
    found = {
        file.name.removesuffix(".sql"): _COMMENT.sub("", file.read_text(encoding="utf-8"))
        for file in files("pipeline.history.reports").joinpath("parts").iterdir()
    }
    found |= {
        "passive_types": texts(sorted(PASSIVE)),
        "known_types": texts(EVENT_TYPES),
        "journey_stages": f"['', {texts(STAGES)}, 'none']",
        "journey_mark": _journey_mark(),
        "journey_marks": f"[{texts(_MARKS)}]",
        "feedback_score": _feedback_score(),
        "sites": texts(SITE_KINDS),
        "site_kinds": texts(SITE_KINDS.values()),
    }
    return {name: Template(text) for name, text in found.items()}


def _journey_mark() -> str:
    """Return the place in `_MARKS` of the stage that an event enters; 0 for others."""
    assert SUPPORT not in ENTERING, "support is entered and left with cases"
    entering = ", ".join(
        f"event_type IN ({texts(sorted(types))}), {_MARKS.index(stage) + 1}" for stage, types in ENTERING.items()
    )
    return f"multiIf({entering}, 0)"


def _feedback_score() -> str:
    """Return the score of an opinion from 0 to 1 as the service facet reads it; -1 where there is none."""

    def told(name: str) -> str:
        return f"visitParamExtractFloat(properties, '{name}')"

    scales = "".join(
        f"visitParamHas(properties, '{name}'), least(greatest(({told(name)} - {worst}) / ({best} - {worst}), 0), 1), "
        for name, (worst, best) in {**SCALES, "rating": SCALES["stars"]}.items()
    )
    is_share = f"visitParamHas(properties, 'score') AND {told('score')} >= 0 AND {told('score')} <= 1"
    return f"multiIf({is_share}, {told('score')}, {scales}-1.)"
