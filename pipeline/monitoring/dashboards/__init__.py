"""The dashboards, one module each."""

from __future__ import annotations

from typing import Final

from pipeline.monitoring.dashboards.customers import CUSTOMERS
from pipeline.monitoring.dashboards.data_quality import DATA_QUALITY
from pipeline.monitoring.dashboards.marketing import MARKETING
from pipeline.monitoring.dashboards.operations import OPERATIONS
from pipeline.monitoring.dashboards.products import PRODUCTS
from pipeline.monitoring.panels import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (OPERATIONS, MARKETING, CUSTOMERS, PRODUCTS, DATA_QUALITY)
