"""Write the HEIC photographs of tests/heic/, which the tests can read but not write.

The program's own ``pi-heif`` decodes only, so this needs ``pillow-heif``, whose encoder (x265) is GPL: install that for
this script, not with the program. Encoders change with their releases: the files come out alike, not byte for byte.

    python scripts/make_heic_photos.py tests/heic
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

# Where a stored picture's EXIF orientation takes it: the turn that has to be undone.
_TURNS = {1: None, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90}


def main(folder: Path) -> None:
    pillow_heif.register_heif_opener()
    folder.mkdir(parents=True, exist_ok=True)
    for orientation, turn in _TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = _quarters() if turn is None else _quarters().transpose(turn)
        stored.save(folder / f"orientation-{orientation}.heic", exif=exif.tobytes(), quality=90)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:03:01 14:05:09"
    exif[0x013B] = "Dr Jekyll"  # artist
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)  # GPS
    _quarters().save(folder / "details.heic", exif=exif, quality=90, thumbnails=[64])
    ten_bit = (np.asarray(_quarters(), np.uint16) << 8) | 128
    pillow_heif.encode("RGB;16", (120, 80), ten_bit.tobytes(), folder / "ten-bit.heic", quality=90)
    first, second = Image.new("RGB", (96, 96), "red"), _quarters()
    first.save(folder / "second-is-primary.heic", save_all=True, append_images=[second], primary_index=1, quality=90)


def _quarters() -> Image.Image:
    """White, the upper left quarter black."""
    picture = Image.new("RGB", (120, 80), "white")
    picture.paste((0, 0, 0), (0, 0, 60, 40))
    return picture


if __name__ == "__main__":
    main(Path(sys.argv[1]))
