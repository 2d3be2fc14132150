"""Schemas by their Confluent id, from any registry that speaks `GET /schemas/ids/<id>`."""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPException
from typing import cast
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from pipeline.errors import UNREACHABLE, OmniError
from pipeline.wire.schemas import Definition

TIMEOUT_SECONDS = 5.0
"""A registry that takes longer is as good as away: the worker stops, and starts where it was."""


class RegistryNotReachable(OmniError):
    """The registry did not answer. No record is refused for that: whoever reads stops and comes back."""

    exit_code = UNREACHABLE


class UnknownSchema(LookupError):
    """The registry has no such schema, or one that is not an Avro record."""


class Registry:
    """Looks schemas up over HTTP. Its answers never change, so the caller keeps them."""

    def __init__(self, url: str) -> None:
        """Use the registry at `url`, such as `http://registry:8081` or `https://user:password@registry`.

        User and password are sent with each question, and shown nowhere: `url` is without them.
        """
        parts = urlsplit(url)
        account, _, host = parts.netloc.rpartition("@")
        self.url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        user, _, password = account.partition(":")
        told = f"{unquote(user)}:{unquote(password)}".encode()
        self._account = f"Basic {b64encode(told).decode('ascii')}" if account else None

    def schema(self, schema_id: int) -> Definition:
        """Fetch one schema. Raises UnknownSchema or RegistryNotReachable."""
        request = Request(f"{self.url}/schemas/ids/{schema_id}", headers={"Accept": "application/json"})
        if self._account:
            request.add_unredirected_header("Authorization", self._account)
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                answer = json.load(response)
        except HTTPError as error:
            if error.code in (404, 422):
                raise UnknownSchema(f"schema id {schema_id} is not in the registry at {self.url}") from error
            raise RegistryNotReachable(f"registry at {self.url} answered {error.code}") from error
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            raise RegistryNotReachable(f"registry at {self.url} is not reachable: {error or repr(error)}") from error
        if not isinstance(answer, dict):
            raise RegistryNotReachable(f"what answers at {self.url} is no registry: {str(answer)[:60]!r}")
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise UnknownSchema(f"schema id {schema_id} is {str(answer['schemaType'])[:60]}, Avro is wanted")
        try:
            definition = json.loads(answer["schema"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UnknownSchema(f"schema id {schema_id} cannot be read: {error}") from error
        if not isinstance(definition, dict) or definition.get("type") != "record":
            raise UnknownSchema(f"schema id {schema_id} is not a record")
        return cast(Definition, definition)
