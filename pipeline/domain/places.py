"""Distances on the ground."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_METRES = 6_371_000
"""Mean radius (IUGG); a sphere is off by at most half a percent, a phone's position by more."""

METRES_PER_DEGREE = EARTH_METRES * radians(1)
"""From north to south, everywhere; from east to west it is less away from the equator."""


def metres_between(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance between two positions in degrees, by the haversine formula.

    >>> round(metres_between(52.5200, 13.4050, 48.1374, 11.5755) / 1000)  # Berlin, Munich
    504
    """
    north, south = radians(latitude), radians(other_latitude)
    up, along = radians(other_latitude - latitude), radians(other_longitude - longitude)
    chord = sin(up / 2) ** 2 + cos(north) * cos(south) * sin(along / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(chord)))
