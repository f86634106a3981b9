"""From light to a file: things laid beside the patient, the camera's faults, and JPEG with its metadata."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pictures

from bsa_measure.tissue import Tissue

from .render import Exposure

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Fault:
    """What camera and hand do to a photograph.

    Attributes:
        exposure: stops away from right.
        balance: (3,) gains of red, green and blue that remain after the camera's white balance.
        contrast: strength of the tone curve, 0 to 1.
        defocus: radius in thousandths of the long side.
        shake: (length in thousandths of the long side, degrees).
        noise: of a mid-grey, standard deviation in 1/255.
        sharpening: of the camera's own software.
        quality: JPEG.
        orientation: EXIF orientation, 1, 3, 6 or 8; the stored pixels are turned so that it applies.
        located: whether the metadata give a (made-up) place.
        things: among ``ruler``, ``card``, ``marker``.
    """

    exposure: float
    balance: tuple[float, float, float]
    contrast: float
    defocus: float
    shake: tuple[float, float]
    noise: float
    sharpening: float
    quality: int
    orientation: int
    located: bool
    things: tuple[str, ...]


@dataclass(frozen=True)
class Photograph:
    """A finished photograph and its truth.

    Attributes:
        jpeg: the file's bytes.
        tissue: (height, width) uint8 classes of the upright photograph.
        surface: (height, width) uint8, 0 none, n = n-th chart surface.
    """

    jpeg: bytes
    tissue: NDArray[np.uint8]
    surface: NDArray[np.uint8]


def draw_fault(rng: Generator) -> Fault:
    """Mostly good photographs; one in eight is visibly badly exposed, tinted, blurred or shaken."""
    bad = rng.random(4) < 0.12
    warmth = rng.normal(0, 0.14 if bad[1] else 0.05)
    green = rng.normal(0, 0.04 if bad[1] else 0.015)
    things = [name for name, share in (("ruler", 0.18), ("card", 0.12), ("marker", 0.12)) if rng.random() < share]
    return Fault(
        exposure=float(rng.normal(0, 0.65 if bad[0] else 0.22)),
        balance=(float(1 + warmth), float(1 + green), float(1 - warmth)),
        contrast=float(rng.uniform(0.3, 1.0)),
        defocus=float(rng.uniform(1.5, 3.0) if bad[2] else rng.uniform(0.4, 1.0)),
        shake=(float(rng.uniform(3, 8) if bad[3] else rng.uniform(0, 0.8)), float(rng.uniform(0, 180))),
        noise=float(rng.uniform(0.8, 5.0)),
        sharpening=float(rng.uniform(0.0, 0.55)),
        quality=int(rng.integers(68, 96)),
        orientation=int(rng.choice([1, 3, 6, 8], p=[0.7, 0.06, 0.14, 0.10])),
        located=bool(rng.random() < 0.3),
        things=tuple(things),
    )


def develop(exposure: Exposure, fault: Fault, day: int, rng: Generator) -> Photograph:
    """The photograph of an exposure; ``rng`` draws noise and the places of things."""
    light = exposure.light
    tissue, surface = exposure.tissue.copy(), exposure.surface.copy()
    height, width = tissue.shape
    long_side = max(height, width)
    for thing in fault.things:
        _lay(thing, light, tissue, surface, rng)

    skin = surface > 0
    luminance = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    # The camera exposes for the middle of the scene and saves the brightest parts.
    level = 0.45 * float(np.median(luminance[skin])) + 0.55 * float(luminance.mean()) if skin.any() else 0.3
    bright = float(np.quantile(luminance, 0.97))
    gain = min(0.26 / max(level, 1e-3), 1.0 / max(bright, 1e-3)) * 2.0**fault.exposure
    light = light * (gain * np.array(fault.balance, np.float32))
    light = _blur(light, fault, long_side)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    light *= (1 - 0.10 * (rows**2 + columns**2) / 2)[..., None]

    # Pixels without a shade of difference left, bright by gloss or dark by shadow, cannot be assessed.
    glare = (_near(light.min(axis=2) * (exposure.shine * gain > 0.35), long_side) > 0.97) & skin
    shadow = (_near(light.max(axis=2), long_side) < 0.012) & skin
    tissue[glare | shadow] = Tissue.NOT_ASSESSABLE

    picture = _tone(light, fault.contrast)
    scale = fault.noise / 255
    grain = rng.normal(size=(height, width, 3)).astype(np.float32)
    coarse = cv2.GaussianBlur(rng.normal(size=(height, width, 3)).astype(np.float32), (0, 0), 1.1) * 2.2
    picture += (0.5 * grain + 0.6 * coarse) * scale * (1.35 - picture)
    if fault.sharpening > 0:
        picture += fault.sharpening * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2))
    pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Photograph(_jpeg(pixels, fault, day, rng), tissue, surface)


def _near(values: Image, long_side: int) -> Image:
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), long_side / 700))


def _blur(light: Image, fault: Fault, long_side: int) -> Image:
    light = cv2.GaussianBlur(light, (0, 0), max(0.55, fault.defocus * long_side / 1000 * 0.6))
    length = fault.shake[0] * long_side / 1000
    if length >= 1:
        size = int(np.ceil(length)) | 1
        kernel = np.zeros((size, size), np.float32)
        angle = np.radians(fault.shake[1])
        for step in np.linspace(-length / 2, length / 2, 4 * size):
            kernel[round(size // 2 + step * np.sin(angle)) % size, round(size // 2 + step * np.cos(angle)) % size] += 1
        light = cv2.filter2D(light, -1, kernel / kernel.sum())
    return np.asarray(light, np.float32)


def _tone(light: Image, contrast: float) -> Image:
    """Linear light to display values: highlights roll off, sRGB, an S-curve."""
    rolled = np.where(light < 0.7, light, 0.7 + 0.3 * (1 - np.exp(-np.maximum(light - 0.7, 0) / 0.3)))
    srgb = np.where(rolled < 0.0031308, 12.92 * rolled, 1.055 * np.maximum(rolled, 1e-6) ** (1 / 2.4) - 0.055)
    curved = srgb * srgb * (3 - 2 * srgb)
    return np.asarray(srgb + 0.45 * contrast * (curved - srgb), np.float32)


# Nobody lays a ruler over what is to be photographed.
_COVERING = 0.15


def _lay(thing: str, light: Image, tissue: NDArray[np.uint8], surface: NDArray[np.uint8], rng: Generator) -> None:
    """Lay a ruler, a colour card or a black-and-white marker into the scene, near an edge where there is least skin."""
    height, width = tissue.shape
    art = {"ruler": _ruler, "card": _card, "marker": _marker}[thing](rng)
    size = rng.uniform(0.16, 0.26) * max(height, width)
    scale = size / max(art.shape[:2])
    half = np.array([art.shape[1], art.shape[0]]) * scale / 2
    best, where = 2.0, np.zeros(2)
    for _ in range(12):
        place = rng.uniform(half + 4, np.maximum(np.array([width, height]) - half - 4, half + 5))
        x0, y0 = np.maximum(place - half, 0).astype(int)
        x1, y1 = (place + half).astype(int)
        covered = float((surface[y0:y1, x0:x1] > 0).mean()) if y1 > y0 and x1 > x0 else 1.0
        if covered < best:
            best, where = covered, place
    if best > _COVERING:
        return
    angle = np.radians(rng.normal(0, 25))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * rng.uniform(0.94, 1.0, (4, 1))
    target = (corners @ turn.T + where).astype(np.float32)
    source = np.array([[0, 0], [art.shape[1], 0], [art.shape[1], art.shape[0]], [0, art.shape[0]]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    drawn = cv2.warpPerspective(art, matrix, (width, height), flags=cv2.INTER_AREA)
    alpha = cv2.warpPerspective(np.ones(art.shape[:2], np.float32), matrix, (width, height))
    around = cv2.GaussianBlur(light.mean(axis=2), (0, 0), max(height, width) / 20)
    bright = np.clip(around / 0.6, 0.35, 1.3)[..., None]
    shade = 0.4 * cv2.GaussianBlur(np.roll(alpha, (3, 2), (0, 1)), (0, 0), max(height, width) / 220)
    light *= 1 - shade[..., None] * (1 - alpha[..., None])
    light[:] = light * (1 - alpha[..., None]) + drawn * bright * alpha[..., None]
    hidden = alpha > 0.5
    tissue[hidden] = Tissue.BACKGROUND
    surface[hidden] = 0


def _ruler(rng: Generator) -> Image:
    ink = np.full((60, 420), 255, np.uint8)
    for tick in range(0, 41):
        length = 28 if tick % 10 == 0 else 20 if tick % 5 == 0 else 12
        cv2.line(ink, (10 + tick * 10, 0), (10 + tick * 10, length), 0, 1, cv2.LINE_AA)
    for number in range(0, 5):
        cv2.putText(ink, str(number), (4 + number * 100, 50), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 0, 1, cv2.LINE_AA)
    paper = (0.81, 0.77, 0.30) if rng.random() < 0.3 else (0.85, 0.85, 0.85)
    shade = (ink[..., None] / 255).astype(np.float32)
    return np.asarray(0.03 + shade * (np.array(paper, np.float32) - np.float32(0.03)), np.float32)


def _card(rng: Generator) -> Image:
    art = np.full((150, 220, 3), 0.04, np.float32)
    patches = [(0.17, 0.08, 0.06), (0.55, 0.30, 0.22), (0.12, 0.20, 0.34), (0.10, 0.15, 0.05), (0.24, 0.21, 0.43),
               (0.14, 0.51, 0.41), (0.70, 0.20, 0.02), (0.08, 0.11, 0.38), (0.54, 0.09, 0.12), (0.11, 0.04, 0.14),
               (0.35, 0.50, 0.05), (0.78, 0.36, 0.03), (0.90, 0.90, 0.88), (0.58, 0.58, 0.58), (0.36, 0.36, 0.36),
               (0.19, 0.19, 0.19), (0.09, 0.09, 0.09), (0.03, 0.03, 0.03)]  # fmt: skip
    for number, color in enumerate(patches):
        row, column = divmod(number, 6)
        art[8 + row * 47 : 48 + row * 47, 8 + column * 35 : 38 + column * 35] = color
    return art


def _marker(rng: Generator) -> Image:
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    code = cv2.aruco.generateImageMarker(dictionary, int(rng.integers(50)), 160)
    art = np.full((200, 200), 0.88, np.float32)
    art[20:180, 20:180] = np.where(code > 127, 0.88, 0.03)
    return np.repeat(art[..., None], 3, axis=2)


# How the stored picture is turned so that the EXIF orientation brings it upright.
_TURNS = {1: 0, 3: 2, 6: 1, 8: 3}


def _jpeg(pixels: NDArray[np.uint8], fault: Fault, day: int, rng: Generator) -> bytes:
    stored = Pictures.fromarray(np.ascontiguousarray(np.rot90(pixels, _TURNS[fault.orientation])))
    exif = Pictures.Exif()
    exif[0x0112] = fault.orientation
    exif[0x010F] = "Phantom"
    exif[0x0110] = "Digital phantom, not a patient"
    date = f"2020:03:{10 + day:02d}" if -9 <= day <= 21 else "2020:04:15"
    taken = f"{date} {int(rng.integers(8, 18)):02d}:{int(rng.integers(60)):02d}:{int(rng.integers(60)):02d}"
    exif[0x0132] = taken
    if fault.located:
        # A made-up place in the ocean, so that removing it can be tested.
        exif[0x8825] = {1: "N", 2: (0.0, 0.0, 30.0), 3: "W", 4: (0.0, 0.0, 45.0)}
    file = io.BytesIO()
    stored.save(file, "JPEG", quality=fault.quality, subsampling=2 if fault.quality < 85 else 0, exif=exif)
    return file.getvalue()
