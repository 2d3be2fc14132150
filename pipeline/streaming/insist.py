"""Waiting for a broker that is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

REQUEST_MS: Final = 5_000
"""A broker that has fallen silent is asked anew after this. Work may wait meanwhile, so not the client's 40 s."""
AGAIN_SECONDS: Final = 0.5

T = TypeVar("T")


async def insist(action: Callable[[], Awaitable[T]], complaint: str) -> T:
    """Do something as often as it takes for the broker to answer; complain once."""
    complained = False
    while True:
        try:
            async with asyncio.timeout(2 * REQUEST_MS / 1000):
                return await action()
        except (KafkaError, OSError) as error:  # a timeout is one
            if not complained:
                log.warning("%s: %r", complaint, error)
            complained = True
            await asyncio.sleep(AGAIN_SECONDS)
