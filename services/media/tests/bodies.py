"""Bodies of multipart/form-data, written by hand so that tests decide every byte."""

from collections.abc import AsyncIterator, Sequence

BOUNDARY = "----drape7MA4YWxk"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def text_part(name: str, value: str) -> bytes:
    """A text field."""
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def file_part(data: bytes, name: str = "image", filename: str = "photo.jpg") -> bytes:
    """A file field."""
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head.encode() + data


def body(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    """Parts between their boundaries, with the closing one."""
    return b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


async def chunks(
    data: bytes, size: int = 1 << 20, content_type: str = CONTENT_TYPE
) -> AsyncIterator[tuple[str, bytes]]:
    """The body as it streams in: the content type comes with the first chunk only."""
    for start in range(0, len(data), size):
        yield (content_type if start == 0 else ""), data[start : start + size]


class Counted:
    """Chunks that know how many of them were taken."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[tuple[str, bytes]]:
        for part in self._parts:
            self.taken += 1
            yield CONTENT_TYPE, part
