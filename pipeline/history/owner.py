"""Questions to an embedded history from other processes: a socket in its folder.

A frame is four bytes of length (big-endian) and msgpack. The question is the SQL text; the answer is
`[answer or nil, error or nil]`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

import msgspec

from pipeline.history.engine import MAX_QUERY_SECONDS, Answer, HistoryUnavailable, QueryRefused
from pipeline.history.folder import Folder

Reply = tuple[Answer | None, str | None]

MAX_QUESTION_BYTES: Final = 1 << 20
ANSWERS_AT_ONCE: Final = 4
CLOSING_SECONDS: Final = 3.0  # for the questions under way when the owner is told to stop
GIVE_UP_EVERY_SECONDS: Final = 0.5  # again, for one that was just about to begin
RETRY_SECONDS: Final = 0.1
ANSWER_SECONDS: Final = MAX_QUERY_SECONDS + 10.0  # what a question may take, and its way there and back
PEER_SECONDS: Final = 10  # a peer that connects and says nothing must not keep a place for ever
_LENGTH: Final = struct.Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
_decode_reply: Callable[[bytes], Reply] = msgspec.msgpack.Decoder(Reply).decode
_decode_question = msgspec.msgpack.Decoder(str).decode
log = logging.getLogger(__name__)


class Owner:
    """Answers questions on the folder's socket, a few at a time, until closed."""

    def __init__(self, folder: Folder, answer: Callable[[str], Answer], give_up: Callable[[], None]) -> None:
        """Listen at once. `answer` runs in threads; what it raises as QueryRefused goes back as text.

        `give_up` makes every `answer` under way raise QueryRefused soon.
        """
        self._answer = answer
        self._give_up = give_up
        self._talks: set[Future[None]] = set()
        self._listener = folder.listen()
        self._closing = threading.Event()
        self._answering = ThreadPoolExecutor(ANSWERS_AT_ONCE, "history-answer")
        self._thread = threading.Thread(target=self._serve, name="history-questions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; what is not answered in a moment is given up, and its asker told to ask again."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._answering.shutdown(wait=False, cancel_futures=True)
        left = wait(list(self._talks), CLOSING_SECONDS).not_done
        while left:
            with contextlib.suppress(QueryRefused):
                self._give_up()
            left = wait(left, GIVE_UP_EVERY_SECONDS).not_done
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if not self._closing.wait(RETRY_SECONDS):  # too many open files, say: others may close theirs
                    log.warning("a question to the history could not be taken: %s", error)
                continue
            talk = self._answering.submit(self._talk, connection)
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PEER_SECONDS)
            try:
                self._answer_one(connection)
            except (OSError, msgspec.DecodeError) as error:
                log.warning("a question to the history broke off: %s", error)

    def _answer_one(self, connection: socket.socket) -> None:
        question = _receive(connection, MAX_QUESTION_BYTES)
        try:
            reply = _encode((self._answer(_decode_question(question)), None))
        except QueryRefused as error:
            if self._closing.is_set():
                return  # hanging up says: ask again
            reply = _encode((None, str(error)))
        except Exception as error:  # one question's trouble must not leave its asker without an answer
            log.warning("a question to the history failed", exc_info=True)
            reply = _encode((None, f"{type(error).__name__}: {error}"))
        _send(connection, reply)


class RemoteReader:
    """Asks the owner of a folder."""

    def __init__(self, folder: Folder, connection: socket.socket) -> None:
        """`connection` is used for the first question; each further one connects anew."""
        self._folder = folder
        self._connection: socket.socket | None = connection

    def query(self, sql: str) -> Answer:
        """Ask one question."""
        connection = self._connection or self._folder.connect()
        self._connection = None
        if connection is None:
            raise HistoryUnavailable(f"the owner of the history in {self._folder.path} has gone. Ask again.")
        with connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                _send(connection, _encode(sql))
                answer, refusal = _decode_reply(_receive(connection, 0xFFFFFFFF))
            except OSError as error:
                raise HistoryUnavailable(
                    f"the owner of the history in {self._folder.path} did not answer: {error}. Ask again."
                ) from error
        if answer is None:
            raise QueryRefused(refusal or "refused")
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(data)))
    connection.sendall(data)


def _receive(connection: socket.socket, limit: int) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > limit:
        raise OSError(f"a message of {length} bytes, at most {limit} are taken")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = connection.recv(min(length, 1 << 20))
        if not part:
            raise ConnectionResetError("the other side hung up")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
