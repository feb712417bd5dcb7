"""Colour profiles made by hand (ICC.1:2001-04): three primaries and a straight tone curve."""

import struct

# sRGB's primaries as seen under D50 (IEC 61966-2-1, adapted by Bradford).
_RED, _GREEN, _BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
_WHITE = (0.9642, 1.0, 0.8249)
_CURVE = b"curv" + bytes(4) + struct.pack(">IH", 1, int(2.2 * 256)) + bytes(2)


def swapped() -> bytes:
    """A profile in which what is written as red is green, and the other way round."""
    return _profile(_GREEN, _RED, _BLUE)


def _profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...]) -> bytes:
    text = b"text" + bytes(4) + b"nobody's\0" + bytes(3)
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78 + 1)
    tags = {b"desc": name, b"cprt": text, b"wtpt": _xyz(_WHITE), b"rXYZ": _xyz(red), b"gXYZ": _xyz(green)}
    tags |= {b"bXYZ": _xyz(blue), b"rTRC": _CURVE, b"gTRC": _CURVE, b"bTRC": _CURVE}
    at, table, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for signature, value in tags.items():
        value += bytes(-len(value) % 4)
        table += signature + struct.pack(">II", at + len(data), len(value))
        data += value
    head = struct.pack(">I4sI4s4s4s", at + len(data), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(_WHITE)[8:] + bytes(48)
    return head + table + data


def _xyz(value: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(each * 65536) for each in value))
