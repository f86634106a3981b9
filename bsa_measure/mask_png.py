"""Masks as PNG files: a grey 8-bit picture, the pixel value is the class.

Pillow reads whatever others have made. Masks are read far more often than written (by every comparison, page and
correction), so what this program writes is laid out to be read fast: rows as they are, deflated at the quickest level,
whose matches are inflated several times faster than runs are.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from .errors import MaskError

Labels = npt.NDArray[np.uint8]

_LARGEST: Final = 250_000_000
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREY: Final = bytes((8, 0, 0, 0, 0))  # of the header: 8 bits, grey, deflated, filtered by row, not interlaced


def encode_mask(labels: Labels) -> bytes:
    """A label image as a grey 8-bit PNG; the pixel value is the class."""
    if labels.ndim != 2 or not labels.size:
        raise MaskError("the mask has no pixels: nothing can be stored.")
    height, width = labels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # the first byte of a row says that it follows as it is
    rows[:, 1:] = labels
    head = struct.pack(">II", width, height) + _GREY
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big") for name, data in parts
    )


def decode_mask(data: bytes, name: str) -> Labels:
    """The pixels of a grey or palette 8-bit PNG, whatever its palette shows.

    Raises:
        MaskError: not such a PNG.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.mode not in ("L", "P", "1"):
                raise MaskError(f"{name} is a colour or 16-bit picture: export it as grey, 8 bits, one class a pixel.")
            if image.width * image.height > _LARGEST:
                raise MaskError(f"{name} is far larger than any photograph: make it again from its photograph.")
            return np.array(image, np.uint8)
    except MaskError:
        raise
    except Exception as error:  # Pillow reports damage as OSError, SyntaxError, ValueError, ...
        raise MaskError(f"{name} is not a PNG that can be read: export it again as an 8-bit PNG.") from error


def decode_own(data: bytes) -> Labels | None:
    """The pixels of a file as :func:`encode_mask` writes it; None of any other.

    Args:
        data: the file, whose bytes are known to be right, by their hash.
    """
    found = _deflated(data)
    if found is None:
        return None
    width, height, deflated = found
    try:
        # Without the two bytes before and the checksum after: whoever knows the file's hash needs no other sum.
        inflated = zlib.decompress(deflated[2:-4], wbits=-15, bufsize=(width + 1) * height)
    except zlib.error:
        return None
    if len(inflated) != (width + 1) * height:
        return None
    rows = np.frombuffer(inflated, np.uint8).reshape(height, width + 1)
    # The first byte of a row says how it is to be read; older versions wrote differences, which Pillow adds up.
    return None if rows[:, 0].any() else np.ascontiguousarray(rows[:, 1:])


def _deflated(data: bytes) -> tuple[int, int, bytes] | None:
    """Width, height and deflated rows of a grey 8-bit PNG of the plainest kind."""
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or data[24:29] != _GREY:
        return None
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= _LARGEST:
        return None
    place, parts = 33, []
    while data[place + 4 : place + 8] == b"IDAT":
        (length,) = struct.unpack(">I", data[place : place + 4])
        parts.append(data[place + 8 : place + 8 + length])
        place += 12 + length
    return (width, height, b"".join(parts)) if data[place + 4 : place + 8] == b"IEND" else None
