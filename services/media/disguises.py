"""What a file is by its first bytes, and what else it would be to a program that reads it in another way."""

import io
import re
import struct
import zipfile

_KINDS = {
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"%PDF": "pdf",
    b"%!PS": "postscript",
    b"PK\x03\x04": "zip",
    b"\0\0\x01\0": "ico",
    b"8BPS": "psd",
    b"\x7fELF": "program",
    b"MZ": "program",
    b"#!": "script",
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG": "png",
    b"\0\0\0\x0cjP": "jpeg2000",
}
_MARKUP = {b"<svg": "svg", b"<!doctype svg": "svg", b"<html": "html", b"<!doctype html": "html", b"<script": "html"}
# Browsers look for markup whatever a server calls the file. Each is long enough not to come up in compressed pixels.
_ACTIVE = re.compile(
    rb"<script|<!doctype|<!entity|<iframe|<object|<embed|<(?:html|body)[\s>]|<\?php\s|javascript:|on(?:error|load)\s*="
    rb"|<svg[^>]{0,200}xmlns",
    re.IGNORECASE,
)
# Readers of PDF take a file whose head comes this late.
_PDF_HEAD_WITHIN = 1024
_CAMERAS_OWN = (b"Exif\0\0", b"http://ns.adobe.com/", b"ICC_PROFILE\0", b"MPF\0")
_SEQUENCES = {b"avis", b"msf1", b"hevc", b"hevx", b"heim", b"heis"}


def kind_of(data: bytes) -> str:
    """What the file is instead of a picture, in a word for the caller; empty when there is no telling."""
    for start, kind in _KINDS.items():
        if data.startswith(start):
            return kind
    text = data[:1024].lower()
    return next((kind for mark, kind in _MARKUP.items() if mark in text), "")


def hidden_in(data: bytes) -> str:
    """What a picture's file would be to a browser, an interpreter or an archiver, or nothing.

    Pictures that carry more than pixels are common (depth maps, films of a moment), so only what could run or be
    unpacked is looked for.
    """
    if _ACTIVE.search(data):
        return "markup"
    if b"%PDF-" in data[:_PDF_HEAD_WITHIN]:
        return "pdf"
    if _opens_a_comment(data):
        return "script"
    return "zip" if _is_archive(data) else ""


def is_sequence(data: bytes) -> bool:
    """Whether the file is a film in the container of AVIF and HEIC, by its brand (ISO/IEC 23008-12, 10)."""
    return data[4:8] == b"ftyp" and data[8:12] in _SEQUENCES


def _opens_a_comment(data: bytes) -> bool:
    """Whether a length field is `/*`: so a JPEG's or WebP's head becomes the start of a program in JavaScript."""
    if data.startswith(b"\xff\xd8\xff"):
        # A camera's metadata may happen to be that long; what no camera writes there may not.
        return data[4:6] == b"/*" and not data[6:].startswith(_CAMERAS_OWN)
    return data.startswith(b"RIFF") and b"/*" in (data[4:6], data[5:7])


def _is_archive(data: bytes) -> bool:
    try:
        return bool(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, ValueError, OSError, LookupError, struct.error, NotImplementedError):
        return False
