"""The one error a record may be refused with. Everything else that goes wrong stops the worker."""

from __future__ import annotations

from enum import StrEnum


class InvalidReason(StrEnum):
    """Why a record was refused. Closed: each value is a label of a counter and of a dead letter."""

    UNKNOWN_SCHEMA = "unknown_schema"
    """The schema id or fingerprint is not known, or the schema cannot be used."""
    UNDECODABLE = "undecodable"
    """The bytes are not what their framing or schema says."""
    MISSING_FIELD = "missing_field"
    """A required field is not there."""
    WRONG_TYPE = "wrong_type"
    """A field holds another type than the schema's."""
    NO_EVENT_ID = "no_event_id"
    """`event_id` is empty."""
    NO_EVENT_TYPE = "no_event_type"
    """`event_type` is empty."""
    NO_CHANNEL = "no_channel"
    """`channel` is empty."""
    VALUE_TOO_LONG = "value_too_long"
    """A text, a list or the whole record is longer than any honest producer makes it."""
    BAD_TIME = "bad_time"
    """A time is not one, or lies outside 1980 to 2200: seconds or microseconds instead of milliseconds."""
    BAD_TENANT = "bad_tenant"
    """`tenant` has characters that a tenant may not have."""
    BAD_VALUE = "bad_value"
    """A value makes no sense: a negative quantity, a line without a SKU, more money than there is."""
    NOT_STORABLE = "not_storable"
    """History's database cannot hold it: a number beyond 64 bits."""


MAX_DETAIL_CHARACTERS = 500
"""A dead letter holds the record itself, whose names a detail may quote."""


class InvalidEvent(ValueError):
    """This record will never be right: it belongs to the dead letters, and the rest of its batch goes on."""

    def __init__(self, reason: InvalidReason, detail: str) -> None:
        """Keep the closed `reason` for machines and `detail`, naming field and value, for people."""
        if len(detail) > MAX_DETAIL_CHARACTERS:
            detail = f"{detail[:MAX_DETAIL_CHARACTERS]} …"
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
