"""Reads multipart/form-data as it streams in, and no more of it than allowed; its file goes to the disk."""

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.media.errors import FileTooLarge, NoImageFile

FILE_FIELD = "image"
_MAX_TEXT_BYTES = 1024
_MAX_BOUNDARY_BYTES = 70  # RFC 2046, 5.1.1
# Room for boundaries, part headers and fields we do not know.
_MAX_OVERHEAD_BYTES = 64 * 1024


# What is collected of a file before it is written.
_WRITTEN_AT_ONCE = 256 * 1024


@dataclass
class Form:
    """What was sent: the file, which nobody else can open, its bytes, and the short text fields."""

    file: BinaryIO
    size: int = 0
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def read_form(chunks: AsyncIterable[tuple[str, bytes]], max_file_bytes: int) -> AsyncIterator[Form]:
    """Parses pairs of content type and bytes, of which the first tells the boundary; the file is gone after the block.

    Raises FileTooLarge as soon as more has come than is taken, NoImageFile when it is no form.
    """
    collector: _Collector | None = None
    total = 0
    with tempfile.TemporaryFile() as file:
        async for content_type, data in chunks:
            if collector is None:
                collector = _Collector(_boundary(content_type), Form(file), max_file_bytes)
            total += len(data)
            if total > max_file_bytes + _MAX_OVERHEAD_BYTES:
                raise FileTooLarge(_too_large(max_file_bytes))
            collector.write(data)
            if len(collector.unwritten) >= _WRITTEN_AT_ONCE:
                await asyncio.to_thread(collector.flush)
            del data  # up to a megabyte for each of those who wait for their next
        if collector is None:
            raise NoImageFile("No image file provided")
        form = collector.finish()
        await asyncio.to_thread(collector.flush)
        yield form


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type.encode())
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise NoImageFile("No image file provided")
    return boundary


def _too_large(limit: int) -> str:
    return f"File size exceeds {limit // (1024 * 1024)}MB limit"


class _Collector:
    """Collects one form out of the parser's callbacks."""

    def __init__(self, boundary: bytes, form: Form, max_file_bytes: int) -> None:
        self.unwritten = bytearray()
        self._form = form
        self._max_file_bytes = max_file_bytes
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._text: bytearray | None = None
        self._name = ""
        self._in_file = self._had_file = False
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise NoImageFile("No image file provided") from error

    def flush(self) -> None:
        """Writes what there is of the file."""
        self._form.file.write(self.unwritten)
        self._form.file.flush()
        self.unwritten.clear()

    def finish(self) -> Form:
        """The form, if its closing boundary has come."""
        if not self._complete:
            raise NoImageFile("No image file provided")
        return self._form

    def _part_begin(self) -> None:
        self._headers = {}
        self._text = None
        self._in_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == FILE_FIELD and b"filename" in options:
            if self._had_file:
                raise NoImageFile("Please send one image at a time")
            self._in_file = self._had_file = True
        else:
            self._text = bytearray()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.unwritten += data[start:end]
            self._form.size += end - start
            if self._form.size > self._max_file_bytes:
                raise FileTooLarge(_too_large(self._max_file_bytes))
        elif self._text is not None and len(self._text) < _MAX_TEXT_BYTES:
            self._text += data[start:end]

    def _part_end(self) -> None:
        if self._text is not None:
            self._form.fields[self._name] = self._text.decode("utf-8", "replace")

    def _end(self) -> None:
        self._complete = True
