"""All products of a tenant, as the topic `catalog.view` has them now."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from pipeline.clients.follower import follow
from pipeline.domain.messages.keys import product_key
from pipeline.domain.records import CatalogView
from pipeline.settings import Settings
from pipeline.topics import CATALOG_VIEW
from pipeline.wire.records import UnreadableRecord, decode_record

log = logging.getLogger(__name__)


def catalog(settings: Settings, tenant: str) -> Iterator[CatalogView]:
    """Yield the latest record of each product of a tenant. Raises BrokerError.

    Holds them encoded meanwhile, some 500 bytes each: a million products fit into half a gigabyte.
    """
    prefix = product_key(tenant, "").encode()
    latest: dict[bytes, bytes] = {}
    for record in follow(settings, lambda topic: topic == CATALOG_VIEW, from_start=True, until_end=True):
        if record.key is None or not record.key.startswith(prefix):
            continue
        if record.value is None:
            latest.pop(record.key, None)
        else:
            latest[record.key] = record.value
    for value in latest.values():
        try:
            yield decode_record(CatalogView, value)
        except UnreadableRecord as error:
            log.warning("a record of %s cannot be read: %s", CATALOG_VIEW, error)
