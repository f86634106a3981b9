"""One reader for every photograph: upright, at working size, colour-managed, hashed, stripped of metadata.

Everything downstream sees a :class:`Photo`; no other module decodes an image that a camera made. Of a
photograph's metadata only the orientation and the capture time are used; names, serial numbers and places
are never read.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt
from pi_heif import HeifImageFile, register_heif_opener
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from .dicom_photo import TAKEN, dicom_head, dicom_picture, is_dicom
from .errors import PhotoError
from .files import printable

# The first of a format is the one to rename a file to.
_FORMAT_OF_SUFFIX: Final = {
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tiff": "TIFF",
    ".tif": "TIFF",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".dcm": "DICOM",
}
SUFFIXES: Final = tuple(_FORMAT_OF_SUFFIX)
"""File name endings that are read, in lower case."""

MAXIMUM_PIXELS: Final = 175_000_000
"""A photograph with more pixels than this is refused before it is decoded."""

MINIMUM_SIDE: Final = 64
"""A photograph with a side shorter than this, in pixels, shows nothing that could be measured."""

# Of a phone's file only the photograph is decoded, not its thumbnails, depth map and other companions.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Naming the plugins loads them, and only them: no other decoder ever sees a file.
_FORMATS: Final = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        HeifImageFile,
    )
)
_MAXIMUM_BYTES: Final = 1_000_000_000
_ORIENTATION_TAG: Final = 0x0112
_CAPTURE_TIME_TAGS: Final = (0x9003, 0x9004)  # DateTimeOriginal, DateTimeDigitized
_EXIF_IFD: Final = 0x8769

PixelArray = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", np.uint8, np.float32)


@dataclass(frozen=True)
class Photo:
    """A photograph as the measurement sees it.

    Attributes:
        pixels: (height, width, 3) uint8, red-green-blue, sRGB, upright, reduced to the working size.
        sha256: of the original file, as hexadecimal digits.
        width: of the upright original, in pixels.
        height: of the upright original, in pixels.
        taken: when the camera says the photograph was taken (local time), if it says so.
    """

    pixels: PixelArray
    sha256: str
    width: int
    height: int
    taken: datetime | None


def working_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height of the working image of an upright photo; a small photo is never enlarged."""
    longest = max(width, height)
    if longest <= long_side:
        return width, height
    return max(1, round(width * long_side / longest)), max(1, round(height * long_side / longest))


def reduced(image: npt.NDArray[Pixel], width: int, height: int) -> npt.NDArray[Pixel]:
    """An image at a smaller size, each pixel the mean of the area that it takes the place of.

    Halved as often as it goes, which is ten times as quick as one reduction by a factor that is no whole number; by
    such a factor, areas share the pixels of the last halved image that they meet at.

    Args:
        image: (h, w) or (h, w, channels), uint8 or float32.
        width, height: of the result; where it is larger than the image, this interpolates.
    """
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width and not (image.shape[0] | image.shape[1]) % 2:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), image.dtype)
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), image.dtype)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits.

    Raises:
        PhotoError: the file cannot be read.
    """
    return hashlib.sha256(_read_bytes(path)).hexdigest()


def read_photo(path: Path, *, long_side: int) -> Photo:
    """Read a JPEG, PNG, TIFF, HEIC or DICOM photograph of any bit depth and colour model.

    A JPEG is decoded at a reduced scale close to the working size, because a fraction of a body surface does
    not need 24 megapixels. Transparent pixels are shown on white.

    Args:
        path: the photograph.
        long_side: length of the longer side of the working image, in pixels.

    Raises:
        PhotoError: unreadable, empty, truncated, mislabelled, too small or too large.
    """
    data = _read_bytes(path)
    with warnings.catch_warnings():
        # The pixel limit is checked by us, and a damaged tag must not reach the nurse as a warning.
        warnings.simplefilter("ignore")
        with _open(path, data) as image:
            try:
                width, height = _upright_size(image)
                taken = _capture_time(image)
                pixels = _decode_upright(image, long_side)
            except MemoryError as error:
                raise PhotoError(
                    f"{printable(path.name)} needs more memory than this computer has: use a smaller photo."
                ) from error
            except Exception as error:
                raise _damaged(path) from error
    size = working_size(width, height, long_side)
    if (pixels.shape[1], pixels.shape[0]) != size:
        shrinks = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)
    sha256 = hashlib.sha256(data).hexdigest()
    return Photo(np.ascontiguousarray(pixels), sha256, width, height, taken)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAXIMUM_BYTES:
            raise PhotoError(f"{printable(path.name)} is larger than a gigabyte: it is not a photograph, remove it.")
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(
            f"{printable(path.name)} cannot be opened: check that the file exists and may be read."
        ) from error


def photo_size(path: Path) -> tuple[str, int, int]:
    """SHA-256 of the original file, and width and height of the upright photograph, without decoding it.

    Raises:
        PhotoError: as :func:`read_photo`, as far as the file's head tells.
    """
    data = _read_bytes(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _open(path, data) as image:
            width, height = _upright_size(image)
    return hashlib.sha256(data).hexdigest(), width, height


def _open(path: Path, data: bytes) -> Image.Image:
    """The image, not yet decoded, after everything that its head tells has been checked."""
    if not data:
        raise PhotoError(f"{printable(path.name)} is empty (0 bytes): copy it from the camera again.")
    expected = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
    try:
        image = _open_dicom(path, data) if is_dicom(data) else Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except PhotoError:
        raise
    except Exception as error:  # Pillow reports damage as OSError, SyntaxError, ValueError, struct.error, ...
        # The head of these names the places of all that follows.
        if is_dicom(data) or (expected == "HEIF" and data[4:8] == b"ftyp"):
            raise _damaged(path) from error
        raise PhotoError(
            f"{printable(path.name)} is not a JPEG, PNG, TIFF, HEIC or DICOM photograph: export it again as JPEG."
        ) from error
    kind = "DICOM" if is_dicom(data) else _kind(image)
    if expected is not None and kind != expected:
        raise PhotoError(
            f"{printable(path.name)} is a {kind} file under another name: rename it to end in {_suffix(kind)}."
        )
    if image.width * image.height > MAXIMUM_PIXELS:
        raise _too_large(path)
    if min(image.size) < MINIMUM_SIDE:
        raise PhotoError(
            f"{printable(path.name)} has only {image.width} × {image.height} pixels: take the photo again at full size."
        )
    return image


def _open_dicom(path: Path, data: bytes) -> Image.Image:
    head = dicom_head(path, data)
    if head.Rows * head.Columns > MAXIMUM_PIXELS:
        raise _too_large(path)
    return dicom_picture(head)


def _damaged(path: Path) -> PhotoError:
    return PhotoError(f"{printable(path.name)} is damaged or incomplete: copy it from the camera again.")


def _suffix(kind: str) -> str:
    return next(suffix for suffix, format_ in _FORMAT_OF_SUFFIX.items() if format_ == kind)


def _kind(image: Image.Image) -> str:
    # A phone's "multi picture" file is a JPEG with a second picture behind it.
    return "JPEG" if image.format == "MPO" else str(image.format)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    # Pillow turns a TIFF by itself, and gives its upright size from the start; a HEIC photograph comes upright.
    turned = _kind(image) != "TIFF" and _orientation(image) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else (image.width, image.height)


def _decode_upright(image: Image.Image, long_side: int) -> PixelArray:
    if _kind(image) == "JPEG" and image.mode in ("RGB", "L"):
        # 0.9: a photo that comes out a little under the working size is enlarged by a tenth at most.
        wide, high = working_size(*image.size, long_side)
        image.draft(image.mode, (max(1, int(0.9 * wide)), max(1, int(0.9 * high))))
    profile = image.info.get("icc_profile")
    image.load()
    if _orientation(image) != 1:
        ImageOps.exif_transpose(image, in_place=True)
    times = max(image.size) // (2 * long_side)
    if times > 1 and image.mode in ("RGB", "RGBA", "L", "CMYK"):
        # Every copy of a whole 170-megapixel photo would cost 700 MB; what is left is at least twice the working size.
        image = image.reduce(times)
    return np.asarray(_to_srgb(image, profile), np.uint8)


def _too_large(path: Path) -> PhotoError:
    return PhotoError(
        f"{printable(path.name)} has more than {MAXIMUM_PIXELS // 1_000_000} million pixels: "
        "use a photo straight from the camera."
    )


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode.startswith("I;16"):
        # 16-bit grey: keep the high byte.
        image = Image.fromarray((np.asarray(image, np.uint16) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        values = np.asarray(image, np.float64)
        top = 255.0 if values.max(initial=0.0) <= 255 else 65535.0
        image = Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    if profile is not None and image.mode in ("RGB", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" in ImageCms.getProfileDescription(source).lower():
                return _rgb(image)
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a damaged profile: the plain conversion is what every viewer shows
    return _rgb(image)


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")  # no copy for nothing


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1, upright, where a damaged tag says nothing."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # Pillow reports damage as SyntaxError, ValueError, struct.error, TypeError, ...
        return 1


def _capture_time(image: Image.Image) -> datetime | None:
    if TAKEN in image.info:
        return cast("datetime | None", image.info[TAKEN])
    try:
        details = image.getexif().get_ifd(_EXIF_IFD)
    except Exception:  # likewise
        return None
    for tag in _CAPTURE_TIME_TAGS:
        text = str(details.get(tag, "")).strip("\x00 ")
        try:
            return datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        except ValueError:
            continue
    return None
