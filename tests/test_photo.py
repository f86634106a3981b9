from __future__ import annotations

import hashlib
import io
import struct
import sys
import zlib
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from drawing import save_photo, skin_photo
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from bsa_measure.errors import PhotoError
from bsa_measure.photo import photo_size, read_photo, reduced, working_size


def arrow(width: int = 120, height: int = 80) -> Image.Image:
    """White, with a black corner at the top left that shows which way is up."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = 0
    return Image.fromarray(pixels)


# EXIF orientation -> how a camera stores an upright picture.
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize(("orientation", "turn"), TURNS.items())
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_every_orientation_comes_out_upright(
    tmp_path: Path, orientation: int, turn: Image.Transpose | None, suffix: str
) -> None:
    stored = arrow() if turn is None else arrow().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo{suffix}"
    stored.save(path, exif=exif)
    photo = read_photo(path, long_side=2048)
    assert (photo.width, photo.height) == (120, 80)
    assert photo.pixels.shape == (80, 120, 3)
    assert photo.pixels[20, 30].max() < 30
    assert photo.pixels[60, 90].min() > 225
    assert photo_size(path)[1:] == (120, 80)


@pytest.mark.parametrize(
    ("mode", "suffix", "grey"),
    [("L", ".jpg", 128), ("CMYK", ".jpg", 128), ("RGBA", ".png", 128), ("LA", ".png", 128), ("P", ".png", 128),
     ("I;16", ".png", 128), ("I;16", ".tif", 128), ("1", ".png", 255), ("RGBA", ".tif", 128), ("CMYK", ".tif", 128)],
)  # fmt: skip
def test_every_colour_model_becomes_red_green_blue(tmp_path: Path, mode: str, suffix: str, grey: int) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((80, 120), grey * 257, np.uint16))
    else:
        image = Image.new("RGB", (120, 80), (grey, grey, grey))
        image = image.quantize(4) if mode == "P" else image.convert(mode)
    path = tmp_path / f"photo{suffix}"
    image.save(path)
    photo = read_photo(path, long_side=2048)
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.astype(int) - grey).max() <= 3


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (100, 100), (200, 0, 0, 0))
    image.save(tmp_path / "photo.png")
    assert read_photo(tmp_path / "photo.png", long_side=2048).pixels.min() == 255


def test_an_embedded_profile_is_honoured(tmp_path: Path) -> None:
    lab = Image.new("RGB", (100, 100), (200, 100, 60))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab.save(tmp_path / "srgb.png", icc_profile=profile)
    lab.save(tmp_path / "damaged.png", icc_profile=b"not a profile")
    for name in ("srgb.png", "damaged.png"):
        assert tuple(read_photo(tmp_path / name, long_side=2048).pixels[0, 0]) == (200, 100, 60)


def test_a_large_photo_is_reduced_to_the_working_size_and_keeps_its_content(tmp_path: Path) -> None:
    pixels = np.zeros((900, 1200, 3), np.uint8)
    pixels[:, 600:] = (250, 120, 60)
    save_photo(tmp_path / "photo.jpg", pixels)
    photo = read_photo(tmp_path / "photo.jpg", long_side=256)
    assert photo.pixels.shape == (192, 256, 3)
    assert (photo.width, photo.height) == (1200, 900)
    assert (photo.pixels[:, :, 0] > 125).mean() == pytest.approx(0.5, abs=0.01)


@given(st.integers(64, 9000), st.integers(64, 9000), st.integers(256, 4096))
def test_working_size_keeps_the_shape_and_never_enlarges(width: int, height: int, long_side: int) -> None:
    w, h = working_size(width, height, long_side)
    assert max(w, h) == min(long_side, max(width, height))
    assert w <= width
    assert h <= height
    assert abs(w * height - h * width) <= max(width, height)  # half a pixel of rounding


@pytest.mark.parametrize(
    ("height", "width", "small"), [(96, 64, (24, 16)), (31, 47, (9, 8)), (90, 70, (20, 13)), (8, 6, (8, 6))]
)
def test_a_reduced_image_is_made_of_the_means_of_its_areas(height: int, width: int, small: tuple[int, int]) -> None:
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([2 * rows, 3 * columns, rows + columns], axis=-1).astype(np.float32)
    for image, tolerance in ((pixels, 0.3), (pixels.astype(np.uint8), 1.5)):
        answer = reduced(image, small[1], small[0])
        assert answer.dtype == image.dtype
        expected = cv2.resize(pixels, (small[1], small[0]), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(answer, expected, atol=tolerance)


@pytest.mark.parametrize(("suffix", "orientation"), [(".png", 1), (".png", 6), (".tif", 8), (".jpg", 6)])
def test_a_photo_many_times_too_large_comes_out_the_same(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = arrow(1800, 1200)
    turn = TURNS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo{suffix}"
    (upright if turn is None else upright.transpose(turn)).save(path, exif=exif)
    photo = read_photo(path, long_side=256)
    assert (photo.width, photo.height) == (1800, 1200)
    assert photo.pixels.shape == (171, 256, 3)
    assert photo.pixels[40, 60].max() < 30
    assert photo.pixels[40, 200].min() > 225
    assert photo.pixels[130, 60].min() > 225
    assert photo.pixels.mean() == pytest.approx(255 * 0.75, abs=2)


def test_hash_and_capture_time_are_kept_and_nothing_else(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:03:01 14:05:09"
    exif[0x013B] = "Dr Jekyll"  # artist
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)  # GPS
    path = tmp_path / "photo.jpg"
    Image.fromarray(skin_photo()).save(path, exif=exif)
    photo = read_photo(path, long_side=2048)
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert photo.taken == datetime(2026, 3, 1, 14, 5, 9)
    assert "Jekyll" not in repr(photo)


HEIC = Path(__file__).parent / "heic"  # written by scripts/make_heic_photos.py


@pytest.mark.parametrize(
    "name", ["orientation-1", "orientation-5", "orientation-6", "ten-bit", "second-is-primary", "details"]
)
def test_an_iphone_photo_comes_out_upright_in_eight_bits(name: str) -> None:
    path = HEIC / f"{name}.heic"
    photo = read_photo(path, long_side=2048)
    assert (photo.width, photo.height) == (120, 80)
    assert photo_size(path) == (photo.sha256, 120, 80)
    assert photo.pixels.shape == (80, 120, 3)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels[20, 30].max() < 30
    assert min(photo.pixels[20, 90].min(), photo.pixels[60, 30].min(), photo.pixels[60, 90].min()) > 225
    small = read_photo(path, long_side=60)
    assert small.pixels.shape == (40, 60, 3)
    assert small.pixels[10, 15].max() < 30


def test_of_an_iphone_photo_the_capture_time_is_kept_and_nothing_else() -> None:
    path = HEIC / "details.heic"
    assert b"Jekyll" in path.read_bytes()
    photo = read_photo(path, long_side=2048)
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert photo.taken == datetime(2026, 3, 1, 14, 5, 9)
    assert "Jekyll" not in repr(photo)


def dicom(picture: Image.Image, *, jpeg: bool = False, **changed: object) -> bytes:
    """A VL Photographic Image, uncompressed or with a JPEG in it; ``changed`` sets what its head says."""
    head = pydicom.Dataset()
    head.file_meta = pydicom.dataset.FileMetaDataset()
    head.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit if jpeg else pydicom.uid.ExplicitVRLittleEndian
    head.SOPClassUID = head.file_meta.MediaStorageSOPClassUID = pydicom.uid.VLPhotographicImageStorage
    head.SOPInstanceUID = head.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    head.PatientName = "Jekyll^Henry"
    head.ContentDate, head.ContentTime = "20260301", "140509.250"
    head.Columns, head.Rows = picture.size
    head.SamplesPerPixel, head.PlanarConfiguration = 3, 0
    head.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 8, 8, 7, 0
    for name, value in changed.items():
        setattr(head, name, value)
    if jpeg:
        exif = Image.Exif()
        exif[0x0112] = 6  # which no viewer of DICOM files heeds
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=95, exif=exif)
        head.PixelData = pydicom.encaps.encapsulate([stream.getvalue()])
        head["PixelData"].VR = "OB"
    elif head.PlanarConfiguration:
        head.PixelData = np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1)).tobytes()
    else:
        head.PixelData = np.asarray(picture).tobytes()
    file = io.BytesIO()
    pydicom.dcmwrite(file, head, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("how", [{}, {"PlanarConfiguration": 1}, {"jpeg": True}])
def test_a_photo_from_a_picture_archive_is_read_without_its_name(tmp_path: Path, how: dict[str, object]) -> None:
    path = tmp_path / "photo.dcm"
    path.write_bytes(dicom(arrow(), **how))
    assert b"Jekyll" in path.read_bytes()
    photo = read_photo(path, long_side=2048)
    assert photo_size(path) == (photo.sha256, 120, 80)
    assert photo.pixels.shape == (80, 120, 3)
    assert photo.pixels[20, 30].max() < 30
    assert min(photo.pixels[20, 90].min(), photo.pixels[60, 30].min()) > 225
    assert photo.taken == datetime(2026, 3, 1, 14, 5, 9)
    assert "Jekyll" not in repr(photo)
    assert read_photo(path, long_side=60).pixels.shape == (40, 60, 3)


def test_colours_of_a_photo_from_a_picture_archive_are_those_of_the_same_jpeg(tmp_path: Path) -> None:
    picture = Image.fromarray(skin_photo())
    (tmp_path / "photo.dcm").write_bytes(dicom(picture, jpeg=True))
    picture.save(tmp_path / "photo.jpg", quality=95)
    picture.save(tmp_path / "photo.png")
    for long_side in (2048, 100):
        archived = read_photo(tmp_path / "photo.dcm", long_side=long_side)
        assert np.array_equal(archived.pixels, read_photo(tmp_path / "photo.jpg", long_side=long_side).pixels)
    plain = read_photo(tmp_path / "photo.png", long_side=2048).pixels.astype(int)
    (tmp_path / "photo.dcm").write_bytes(dicom(picture))
    assert np.array_equal(read_photo(tmp_path / "photo.dcm", long_side=2048).pixels, plain)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"NumberOfFrames": 2}, "holds several pictures: export the one to be measured as JPEG"),
        ({"BitsAllocated": 16}, "holds no whole colour photograph: copy it again, or export it as JPEG"),
        ({"Rows": 20_000, "Columns": 20_000}, "more than 175 million pixels"),
        ({"Rows": 160}, "is damaged or incomplete"),
        ({"Rows": 160, "jpeg": True}, "is damaged or incomplete"),
        ({"PhotometricInterpretation": "NONSENSE"}, "is damaged or incomplete"),
    ],
)
def test_a_dicom_file_that_cannot_be_used_gets_one_sentence(
    tmp_path: Path, changed: dict[str, object], says: str
) -> None:
    path = tmp_path / "photo.dcm"
    path.write_bytes(dicom(arrow(), **changed))
    for read in (lambda: read_photo(path, long_side=2048), lambda: photo_size(path)):
        with pytest.raises(PhotoError, match=says) as caught:
            read()
        assert str(caught.value).startswith("photo.dcm ")
        assert "\n" not in str(caught.value)


def test_without_pydicom_a_dicom_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.dcm"
    path.write_bytes(dicom(arrow()))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(PhotoError, match=r"pip install 'bsa-measure\[dicom\]',  or export the photograph as JPEG"):
        read_photo(path, long_side=2048)


def big_png(width: int, height: int) -> bytes:
    """The head of a PNG that claims to be huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(skin_photo(side=400)).save(buffer, "JPEG")
    return buffer.getvalue()


def one_pixel() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.jpg", b"", "0 bytes"),
        ("a.jpg", jpeg()[:2000], "damaged or incomplete"),
        ("a.jpg", jpeg()[:40], "not a JPEG|damaged"),
        ("a.png", jpeg(), "JPEG file under another name: rename it"),
        ("a.jpg", b"GIF89a" + b"\0" * 100, "not a JPEG, PNG, TIFF, HEIC or DICOM"),
        ("a.jpg", one_pixel(), "only 1 × 1 pixels"),
        ("a.png", big_png(30_000, 30_000), "million pixels"),
        ("a.png", big_png(14_000, 13_000), "million pixels"),
        ("a.png", big_png(4_000, 3_000), "damaged or incomplete"),
        ("a\nb.jpg", b"", "0 bytes"),
        ("a.jpg", (HEIC / "ten-bit.heic").read_bytes(), "HEIF file under another name: rename it to end in .heic"),
        ("a.heic", jpeg(), "JPEG file under another name: rename it to end in .jpeg"),
        ("a.heic", (HEIC / "ten-bit.heic").read_bytes()[:300], "damaged or incomplete"),
        ("a.heic", (HEIC / "ten-bit.heic").read_bytes()[:-20], "damaged or incomplete"),
        ("a.jpg", dicom(arrow()), "DICOM file under another name: rename it to end in .dcm"),
        ("a.dcm", dicom(arrow())[:-400], "damaged or incomplete"),
        ("a.dcm", dicom(arrow(), jpeg=True)[:-400], "holds no whole colour photograph"),
        ("a.dcm", jpeg(), "JPEG file under another name"),
        ("a.HEIC", b"Dear colleague, " * 50, "not a JPEG, PNG, TIFF, HEIC or DICOM"),
    ],
)
def test_a_bad_photo_gets_one_sentence(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=says) as caught:
        read_photo(path, long_side=2048)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_photo_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="cannot be opened"):
        read_photo(tmp_path / "a.jpg", long_side=2048)


def test_every_truncation_of_a_jpeg_is_noticed(tmp_path: Path) -> None:
    data = jpeg()
    path = tmp_path / "a.jpg"
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(PhotoError):
            read_photo(path, long_side=2048)


def test_a_damaged_tag_does_not_cost_the_photograph(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(skin_photo()).save(path, exif=b"Exif\0\0XX*\0\x08\0\0\0")
    assert read_photo(path, long_side=2048).pixels.shape == skin_photo().shape
    assert photo_size(path)[1:] == (skin_photo().shape[1], skin_photo().shape[0])
