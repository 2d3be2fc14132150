"""How a customer responds: messages that arrived, were opened and followed, by channel."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self, TypeAlias

from msgspec import Struct

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, newest
from pipeline.domain.time import rfc3339

CHANNELS_KEPT = 4
"""Channels with messages whose way is told: those of `TYPES`."""

FOLLOWED_KEPT = 16
"""Messages whose link was followed, by trigger id. The oldest goes first."""

PRIOR_FOLLOWED, PRIOR_DELIVERED = 1, 10
"""What is believed of a channel before anything is known: one message of ten is followed, and that weighs as much as
ten messages would. A rate of so few is luck; a channel that fails ten times in a row falls to half."""

Step: TypeAlias = Literal["delivered", "opened", "followed"]

TYPES: Final[dict[str, tuple[str, Step]]] = {
    "email_delivered": ("email", "delivered"),
    "email_opened": ("email", "opened"),
    "email_link_clicked": ("email", "followed"),
    "push_received": ("push", "delivered"),
    "push_opened": ("push", "followed"),
    "sms_delivered": ("sms", "delivered"),
    "sms_link_clicked": ("sms", "followed"),
    "ad_viewed": ("ads", "delivered"),
    "ad_clicked": ("ads", "followed"),
}
"""Event type → channel of the message, and how far the message came. A push message is followed by its tap."""

_OF_MESSAGES = frozenset(kind.name for kind in EVENT_TYPES.values() if kind.family == "messages")


class Response(Struct, frozen=True, array_like=True, gc=False):
    """Messages of one channel: delivered, opened, followed; the latest time of each of the last two (ms, 0 never)."""

    delivered: int = 0
    opened: int = 0
    followed: int = 0
    opened_at_ms: int = 0
    followed_at_ms: int = 0

    def united(self, other: Self) -> Self:
        """Add up; the latest times."""
        return type(self)(
            self.delivered + other.delivered,
            self.opened + other.opened,
            self.followed + other.followed,
            max(self.opened_at_ms, other.opened_at_ms),
            max(self.followed_at_ms, other.followed_at_ms),
        )


class Responses(Struct, frozen=True, array_like=True, gc=False):
    """`channels` by channel. `followed` maps the trigger id of a message that was followed to when last (ms).

    A message is followed by its link, or by whatever names it as what led there: a page, an order.
    """

    EVENTS: ClassVar[frozenset[str] | None] = None

    channels: dict[str, Response] = {}
    followed: dict[str, int] = {}

    def score(self, channel: str) -> float:
        """Return how likely the customer follows a message of this channel (0 to 1), 0.1 where nothing is known.

        The mean of a beta distribution, Beta(1 + followed, 9 + not followed): the conjugate prior of a rate (Gelman
        et al., Bayesian Data Analysis, 2.4). Deliveries that nobody told are at least what was opened and followed.

        >>> Responses({"email": Response(delivered=10, followed=3)}).score("email")
        0.2
        """
        known = self.channels.get(channel, _NONE)
        delivered = max(known.delivered, known.opened, known.followed)
        return (PRIOR_FOLLOWED + known.followed) / (PRIOR_DELIVERED + delivered)

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Count one delivery, opening or click, and note which message led here."""
        meaning = TYPES.get(event.event_type)
        if meaning is None and event.trigger_id is None:
            return self
        channels, followed = self.channels, self.followed
        step: Step | None = None
        if meaning is not None:
            channel, step = meaning
            more = _COUNTED[step](at_ms)
            channels = dict(sorted({**channels, channel: channels.get(channel, _NONE).united(more)}.items()))
        if event.trigger_id is not None and (step == "followed" or event.event_type not in _OF_MESSAGES):
            followed = _latest(followed, {event.trigger_id: at_ms})
        return type(self)(channels, followed) if step or followed != self.followed else self

    def united(self, other: Self) -> Self:
        """Add up; the latest times."""
        channels = {
            channel: self.channels.get(channel, _NONE).united(other.channels.get(channel, _NONE))
            for channel in sorted(self.channels.keys() | other.channels.keys())
        }
        return type(self)(channels, _latest(self.followed, other.followed))

    def json(self) -> Json:
        """Return the counts by channel, with the score and the latest times, and the messages followed."""
        return {
            "channels": {
                channel: {
                    "delivered": known.delivered,
                    "followed": known.followed,
                    "followed_at": rfc3339(known.followed_at_ms) if known.followed_at_ms else None,
                    "opened": known.opened,
                    "opened_at": rfc3339(known.opened_at_ms) if known.opened_at_ms else None,
                    "score": round(self.score(channel), 4),
                }
                for channel, known in sorted(self.channels.items())
            },
            "followed": {trigger_id: rfc3339(at_ms) for trigger_id, at_ms in sorted(self.followed.items())},
        }


_NONE = Response()
_COUNTED: Final = {
    "delivered": lambda at_ms: Response(delivered=1),
    "opened": lambda at_ms: Response(opened=1, opened_at_ms=at_ms),
    "followed": lambda at_ms: Response(followed=1, followed_at_ms=at_ms),
}


def _latest(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    both = {trigger_id: max(a.get(trigger_id, 0), b.get(trigger_id, 0)) for trigger_id in sorted(a.keys() | b.keys())}
    return newest(both, FOLLOWED_KEPT, lambda at_ms: at_ms)
