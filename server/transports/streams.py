"""Files over HTTP: from a request's body, and back as an attachment, or a range of one."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from http import HTTPStatus
from urllib.parse import quote, unquote

from aiohttp import BodyPartReader, web

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ports.files import ByteStream, Download
from server.transports.errors import problem
from server.transports.http import BROKEN_BODY, json_response

CHUNK_BYTES = 64 * 1024

CHUNK_LIMIT_S = 30
"""For the next chunk to come."""

LEAST_BYTES_PER_S = 8 * 1024
"""At which a file has to come, once the server has waited for it for `CHUNK_LIMIT_S`."""

MAX_UPLOADS, MAX_USER_UPLOADS = 64, 4
"""At a time: of this process, and of one user here."""

NAME_HEADER = "X-File-Name"

HEADERS = {
    "Accept-Ranges": "bytes",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
"""What other people sent is shown by no browser, runs in none, and reaches nothing from there."""

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE)


class Uploads:
    """Files that are on their way in."""

    def __init__(self) -> None:
        self._of_users: Counter[str] = Counter()

    @contextmanager
    def place(self, user: User) -> Iterator[None]:
        """Hold a place while a file comes.

        Raises:
            AppError: RATE_LIMITED if there is none.
        """
        who = user.user_id
        if self._of_users.total() >= MAX_UPLOADS or self._of_users[who] >= MAX_USER_UPLOADS:
            told = "too many files are on their way; wait for one of them to arrive"
            raise AppError(Code.RATE_LIMITED, told, retry_after_ms=1000)
        self._of_users[who] += 1
        try:
            yield
        finally:
            self._of_users[who] -= 1
            self._of_users += Counter()  # which forgets those that have none


class FileResponse(web.StreamResponse):
    """An answer with a file, from one place up to another."""

    def __init__(self, start: int, end: int, status: int) -> None:
        super().__init__(status=status)
        self.start = start
        self.end = end


async def upload_of(request: web.Request, clock: Clock) -> ByteStream | None:
    """The file that a request sends: its body, or the first file of a form; None without one.

    Raises:
        AppError: UNSUPPORTED_MEDIA_TYPE if it is compressed; INVALID_REQUEST.
    """
    if not request.body_exists and request.content_length is None:
        return None
    _refuse_coding(request.headers.get("Content-Encoding"))
    if request.content_type == "multipart/form-data":
        return await _in_form(request, clock)
    name = request.headers.get(NAME_HEADER)
    return ByteStream(
        size_bytes=request.content_length,
        name=None if name is None else _text(unquote(name, errors="surrogateescape")),
        media_type=_text(request.headers.get("Content-Type")),
        chunks=chunks_of(lambda: request.content.read(CHUNK_BYTES), clock),
    )


async def _in_form(request: web.Request, clock: Clock) -> ByteStream | None:
    # For all that stands before the file together: it is thrown away, however much it is.
    with _told():
        async with asyncio.timeout(CHUNK_LIMIT_S):
            file = await _first_file(request)
    if file is None:
        return None
    for header in ("Content-Encoding", "Content-Transfer-Encoding"):
        _refuse_coding(file.headers.get(header))
    return ByteStream(
        size_bytes=request.content_length,  # with what stands around it
        name=_text(file.filename),
        media_type=_text(file.headers.get("Content-Type")),
        chunks=chunks_of(lambda: file.read_chunk(CHUNK_BYTES), clock),
    )


async def _first_file(request: web.Request) -> BodyPartReader | None:
    form = await request.multipart()
    while part := await form.next():
        if isinstance(part, BodyPartReader) and part.filename is not None:
            return part
    return None


async def chunks_of(
    read: Callable[[], Awaitable[bytes | bytearray]], clock: Clock
) -> AsyncIterator[bytes]:
    """A file's chunks as they come. Only the time counts in which its sender is waited for.

    Raises:
        AppError: INVALID_REQUEST if it is cut off, stops, or comes slower than
            `LEAST_BYTES_PER_S` for long.
    """
    left_s: float = CHUNK_LIMIT_S
    while True:
        began_ms = clock.now_ms()
        with _told():
            async with asyncio.timeout(left_s):
                chunk = await read()
            # One byte each time would else hold a place for hours.
            left_s -= (clock.now_ms() - began_ms) / 1000
            if left_s <= 0:
                raise TimeoutError
        if not chunk:
            return
        left_s = min(left_s + len(chunk) / LEAST_BYTES_PER_S, CHUNK_LIMIT_S)
        yield bytes(chunk)


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what goes wrong with a body."""
    try:
        yield
    except TimeoutError:
        raise AppError(Code.INVALID_REQUEST, "the file did not go on in time") from None
    except (ValueError, AssertionError, RuntimeError, *BROKEN_BODY):
        raise AppError(Code.INVALID_REQUEST, "the file was cut off, or is no form") from None


def _refuse_coding(coding: str | None) -> None:
    if (coding or "identity").lower() not in ("identity", "binary", "7bit", "8bit"):
        raise AppError(Code.UNSUPPORTED_MEDIA_TYPE, "send the file as it is, uncompressed")


def _text(text: str | None) -> str | None:
    """What was said, if anything; it may hold bytes that are no text."""
    if text is not None and any("\ud800" <= char <= "\udfff" for char in text):
        told = f"name and type: Expected UTF-8; in {NAME_HEADER} percent-encoded"
        raise AppError(Code.INVALID_REQUEST, told)
    return text or None


def head_of(request: web.Request, file: Download) -> web.StreamResponse:
    """The head of an answer with a file, or with the range of it that is wanted."""
    tag = f'"{file.file_id}"'
    wanted = _wanted(request, file, tag)
    start, end = wanted or (0, file.size_bytes)
    if wanted and start >= end:
        return _unsatisfiable(file)
    response = FileResponse(start, end, status=206 if wanted else 200)
    response.headers.update(HEADERS)
    response.headers["ETag"] = tag
    response.headers["Content-Disposition"] = _disposition(file.name)
    response.content_type = "application/octet-stream"
    response.content_length = end - start
    if response.status == 206:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    return response


async def send(request: web.Request, response: web.StreamResponse, file: Download) -> None:
    """Send a file after its head.

    Raises:
        AppError: What its chunks raise before anything was sent. After that the connection ends,
            so that nobody takes a part for the whole.
    """
    if not isinstance(response, FileResponse) or request.method == "HEAD":
        return
    async with aclosing(file.chunks(response.start, response.end)) as chunks:
        first = await anext(chunks, b"")
        try:
            await response.prepare(request)
            await response.write(first)
            async for chunk in chunks:
                await response.write(chunk)
            await response.write_eof()
        except BaseException as error:
            if request.transport:
                request.transport.abort()
            if not isinstance(error, AppError | ConnectionError):
                raise


def _wanted(request: web.Request, file: Download, tag: str) -> tuple[int, int] | None:
    """From where up to where the one range goes that is asked for; None if there is no such."""
    found = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if not found or request.headers.get("If-Range", tag) != tag:
        return None
    size = file.size_bytes
    first, last, suffix = found.groups()
    if suffix:
        return max(0, size - int(suffix)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size


def _unsatisfiable(file: Download) -> web.StreamResponse:
    error = AppError(Code.INVALID_REQUEST, "the file has no such bytes; it ends before them")
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    body = {**problem(error), "status": int(status), "title": status.phrase}
    response = json_response(body, status, "application/problem+json")
    response.headers["Content-Range"] = f"bytes */{file.size_bytes}"
    return response


def _disposition(name: str | None) -> str:
    """To be saved, under its name; encoded, so that no name can end the header or add one."""
    return "attachment" if name is None else f"attachment; filename*=UTF-8''{quote(name, safe='')}"
