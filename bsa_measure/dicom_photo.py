"""A photograph in a DICOM file, as Pillow sees every other; needs the extra [dicom].

Of the file's head only what describes the picture, and when it was taken, is read: no name, number or place.
"""

from __future__ import annotations

import io
import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image, JpegImagePlugin

from .errors import PhotoError
from .files import printable

TAKEN: Final = "taken"
"""Key of a picture's ``info`` for when it was taken, a :class:`datetime` without a zone."""

_PREAMBLE: Final = 128
_JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
_PICTURE: Final = (
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "ICCProfile", "PixelData",
)  # fmt: skip
_TIMES: Final = (("AcquisitionDateTime",), ("AcquisitionDate", "AcquisitionTime"), ("ContentDate", "ContentTime"))


def is_dicom(data: bytes) -> bool:
    """Whether a file's bytes are those of a DICOM file."""
    return data[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


def dicom_head(path: Path, data: bytes) -> Any:
    """The head of a DICOM file that holds one colour photograph: pydicom's data set of what is asked for here.

    Args:
        path: of the file, for messages.
        data: its content.

    Raises:
        PhotoError: pydicom is not installed, or the file holds no whole colour photograph, or several.
        Exception: whatever pydicom makes of a damaged file.
    """
    try:
        from pydicom import dcmread
    except ImportError as error:
        raise PhotoError(
            f"{printable(path.name)} is a DICOM file: install what reads it with  pip install 'bsa-measure[dicom]',  "
            "or export the photograph as JPEG."
        ) from error
    # Its warnings quote what a head says, names included.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    head = dcmread(io.BytesIO(data), specific_tags=[*_PICTURE, *(name for names in _TIMES for name in names)])
    if (head.get("SamplesPerPixel"), head.get("BitsAllocated")) != (3, 8):
        raise PhotoError(
            f"{printable(path.name)} holds no whole colour photograph: copy it again, or export it as JPEG."
        )
    if int(head.get("NumberOfFrames") or 1) != 1:
        raise PhotoError(f"{printable(path.name)} holds several pictures: export the one to be measured as JPEG.")
    return head


def dicom_picture(head: Any) -> Image.Image:
    """The photograph, turned as a DICOM viewer shows it; a baseline JPEG is not decoded yet.

    Its ``info`` holds when it was taken under :data:`TAKEN`, where the file says so.

    Raises:
        Exception: whatever pydicom and Pillow make of a damaged file.
    """
    from pydicom.encaps import get_frame
    from pydicom.pixels import pixel_array

    colours = str(head.PhotometricInterpretation)
    if str(head.file_meta.TransferSyntaxUID) == _JPEG_BASELINE and colours.startswith("YBR_FULL"):
        jpeg = get_frame(head.PixelData, 0, number_of_frames=1)
        picture: Image.Image = Image.open(io.BytesIO(jpeg), formats=[str(JpegImagePlugin.JpegImageFile.format)])
        if picture.size != (head.Columns, head.Rows):
            raise ValueError("the picture is of another size than its head says")
        picture.getexif().clear()  # no viewer turns a picture by what a camera wrote into the JPEG
    else:
        picture = Image.fromarray(pixel_array(head))
    if head.get("ICCProfile"):
        picture.info["icc_profile"] = bytes(head.ICCProfile)
    picture.info[TAKEN] = _taken(head)
    return picture


def _taken(head: Any) -> datetime | None:
    for names in _TIMES:
        # YYYYMMDDHHMMSS, perhaps with a fraction and an offset from universal time; the clock on the wall is meant.
        text = "".join(str(head.get(name) or "") for name in names)[:14]
        try:
            return datetime.strptime(text, "%Y%m%d%H%M%S")
        except ValueError:
            continue
    return None
