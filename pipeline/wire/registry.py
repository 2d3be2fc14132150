"""Schemas by their Confluent id, and ours registered, at any registry that speaks its `/schemas` and `/subjects`."""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPException
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from pipeline.errors import NO, UNREACHABLE, OmniError
from pipeline.wire.schemas import Definition

TIMEOUT_SECONDS = 5.0
"""A registry that takes longer is as good as away: the worker stops, and starts where it was."""


class RegistryNotReachable(OmniError):
    """The registry did not answer. No record is refused for that: whoever reads stops and comes back."""

    exit_code = UNREACHABLE


class UnknownSchema(LookupError):
    """The registry has no such schema, or one that is not an Avro record."""


class SchemaRefused(OmniError):
    """The registry does not take a schema, as one that is not compatible with what it has."""

    exit_code = NO


class Registry:
    """Looks schemas up over HTTP, and registers them. What an id means never changes, so the caller keeps it."""

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

    def check(self) -> None:
        """Ask for its subjects, whatever they are. Raises RegistryNotReachable."""
        try:
            self._answer("/subjects")
        except HTTPError as error:
            raise self._failed(error) from error

    def schema(self, schema_id: int) -> Definition:
        """Fetch one schema. Raises UnknownSchema or RegistryNotReachable."""
        try:
            answer = self._ask(f"/schemas/ids/{schema_id}")
        except HTTPError as error:
            if error.code in (404, 422):
                raise UnknownSchema(f"schema id {schema_id} is not in the registry at {self.url}") from error
            raise self._failed(error) from error
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise UnknownSchema(f"schema id {schema_id} is {str(answer['schemaType'])[:60]}, Avro is wanted")
        try:
            definition = json.loads(answer["schema"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UnknownSchema(f"schema id {schema_id} cannot be read: {error}") from error
        if not isinstance(definition, dict) or definition.get("type") != "record":
            raise UnknownSchema(f"schema id {schema_id} is not a record")
        return cast(Definition, definition)

    def register(self, subject: str, definition: Definition) -> int:
        """Store a schema as the newest of `subject`, unless it is there; return its id.

        Raises SchemaRefused or RegistryNotReachable.
        """
        try:
            answer = self._ask(f"/subjects/{quote(subject, safe='')}/versions", {"schema": json.dumps(definition)})
        except HTTPError as error:
            if error.code in (409, 422):
                raise SchemaRefused(f"registry at {self.url} refused {subject}: {_message(error)}") from error
            raise self._failed(error) from error
        try:
            return int(str(answer["id"]))
        except (KeyError, ValueError) as error:
            raise RegistryNotReachable(f"what answers at {self.url} is no registry: {str(answer)[:60]!r}") from error

    def _ask(self, path: str, body: object = None) -> dict[str, Any]:
        """Ask for an object, or post a body. Raises as `_answer`."""
        answer = self._answer(path, body)
        if not isinstance(answer, dict):
            raise RegistryNotReachable(f"what answers at {self.url} is no registry: {str(answer)[:60]!r}")
        return answer

    def _answer(self, path: str, body: object = None) -> Any:
        """Return what is answered. Raises HTTPError for what is answered with an error, else RegistryNotReachable."""
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/vnd.schemaregistry.v1+json"
            data = json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, headers)
        if self._account:
            request.add_unredirected_header("Authorization", self._account)
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return json.load(response)
        except HTTPError:
            raise
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            raise RegistryNotReachable(f"registry at {self.url} is not reachable: {error or repr(error)}") from error

    def _failed(self, error: HTTPError) -> RegistryNotReachable:
        return RegistryNotReachable(f"registry at {self.url} answered {error.code}")


def _message(error: HTTPError) -> str:
    """Return what the registry says of it."""
    try:
        said = json.load(error)
    except (OSError, HTTPException, ValueError, RecursionError):
        said = None
    return str(said["message"]) if isinstance(said, dict) and "message" in said else f"status {error.code}"
