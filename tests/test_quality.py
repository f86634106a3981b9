"""Quality verdicts, on pictures drawn here: a limb on a sheet, then spoilt in one known way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bsa_measure.photo import Photo
from bsa_measure.protocol import Protocol, parse_protocol, protocol_text
from bsa_measure.quality import blur_per_mille, doubled, judge, near_duplicate, photo_fingerprint
from bsa_measure.quality_limits import QualityLimits
from bsa_measure.tissue import Tissue

LIMITS = QualityLimits()
LIGHT, DARK = (224, 178, 150), (70, 46, 34)
SIZE = 1000


def scene(skin=LIGHT, left: float = 0.3, right: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """A vertical limb on a sheet, 1000 × 750 pixels, and its labels; left and right are shares of the width."""
    width = SIZE * 3 // 4
    picture = np.full((SIZE, width, 3), (205, 208, 212), np.float32)
    labels = np.zeros((SIZE, width), np.uint8)
    labels[:, int(left * width) : int(right * width)] = Tissue.INTACT
    picture[labels > 0] = skin
    cv2.line(picture, (int(0.5 * width) - 90, 500), (int(0.5 * width) + 90, 500), tuple(0.6 * c for c in skin), 3)
    picture += np.random.default_rng(1).normal(0, 2, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), labels


def verdict(pixels: np.ndarray, labels: np.ndarray, view: str = "leg-left-anterior", limits=LIMITS):
    photo = Photo(np.ascontiguousarray(pixels), "0" * 64, pixels.shape[1], pixels.shape[0], None)
    return judge(photo, labels, view, limits)


def gain(pixels: np.ndarray, factor: float) -> np.ndarray:
    """As if exposed ``factor`` times as long: linear light, clipped, back to display values."""
    return np.clip((np.clip((pixels / 255.0) ** 2.2 * factor, 0, 1)) ** (1 / 2.2) * 255, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("skin", [LIGHT, DARK], ids=["light", "dark"])
def test_a_good_photo_is_usable(skin):
    quality = verdict(*scene(skin))
    assert quality.verdict == "usable"
    assert quality.problems == ()


@pytest.mark.parametrize(("sigma", "expected"), [(1.0, "usable"), (3.2, "warn"), (8.0, "retake")])
@pytest.mark.parametrize("skin", [LIGHT, DARK], ids=["light", "dark"])
def test_a_blurred_photo_is_noticed(skin, sigma, expected):
    pixels, labels = scene(skin)
    quality = verdict(cv2.GaussianBlur(pixels, (0, 0), sigma), labels)
    assert quality.verdict == expected
    assert any(p == "Blurred: take it again, elbows resting." for p in quality.problems) == (expected != "usable")


@pytest.mark.parametrize("sigma", [3.0, 5.0, 8.0])
def test_blur_is_measured_in_thousandths_of_the_photo(sigma):
    # The picture is 1000 pixels high, so a blur of sigma pixels is sigma thousandths.
    pixels, labels = scene(DARK)
    blurred = cv2.GaussianBlur(pixels, (0, 0), sigma)
    assert blur_per_mille(blurred, labels > 0) == pytest.approx(sigma, rel=0.15)


def test_sensor_noise_does_not_hide_blur():
    pixels, labels = scene(DARK)
    blurred = cv2.GaussianBlur(pixels, (0, 0), 6)
    noisy = np.clip(blurred + np.random.default_rng(0).normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)
    assert "Blurred: take it again, elbows resting." in verdict(noisy, labels).problems


def test_a_shaken_camera_is_noticed():
    pixels, labels = scene(DARK)
    streak = np.full((1, 25), 1 / 25, np.float32)  # across the outline of the limb
    assert verdict(cv2.filter2D(pixels, -1, streak), labels).verdict == "retake"


def test_smooth_skin_without_detail_is_not_called_blurred():
    pixels, labels = scene()
    pixels[490:510, 280:480] = LIGHT  # nothing but an outline is left
    assert verdict(pixels, labels).verdict == "usable"


def test_a_frame_full_of_smooth_skin_cannot_be_judged_sharp():
    pixels = np.full((600, 450, 3), LIGHT, np.uint8)
    quality = verdict(pixels, np.full((600, 450), Tissue.INTACT, np.uint8), "trunk-anterior")
    assert quality.verdict == "warn"
    assert any("sharp" in p for p in quality.problems)
    assert any(p.startswith("Too close") for p in quality.problems)


@pytest.mark.parametrize(
    ("factor", "expected", "says"),
    [(0.1, "warn", "Too dark"), (0.02, "retake", "Too dark"), (6.0, "retake", "Too bright")],
)
def test_wrong_exposure_is_noticed(factor, expected, says):
    pixels, labels = scene()
    quality = verdict(gain(pixels, factor), labels)
    assert quality.verdict == expected
    assert quality.problems[0].startswith(says)


def test_half_a_body_in_black_shadow_is_noticed():
    pixels, labels = scene()
    pixels[:500] = (pixels[:500] * 0.05).astype(np.uint8)
    quality = verdict(pixels, labels)
    assert quality.verdict == "retake"
    assert any("black" in p for p in quality.problems)


@pytest.mark.parametrize(("share", "expected"), [(0.05, "usable"), (0.2, "warn"), (0.5, "retake")])
def test_glare_counts_by_its_share_of_the_body(share, expected):
    pixels, labels = scene()
    pixels[: int(share * SIZE)][labels[: int(share * SIZE)] > 0] = 255
    quality = verdict(pixels, labels)
    assert quality.verdict == expected
    assert any(p.startswith("Washed out") for p in quality.problems) == (expected != "usable")


@pytest.mark.parametrize(("share", "expected"), [(0.1, "usable"), (0.5, "warn"), (0.9, "retake")])
def test_a_body_under_dressings_is_noticed(share, expected):
    pixels, labels = scene()
    hidden = labels[: int(share * SIZE)]
    hidden[hidden > 0] = Tissue.NOT_ASSESSABLE
    quality = verdict(pixels, labels)
    assert quality.verdict == expected
    assert any("hidden" in p for p in quality.problems) == (expected != "usable")


def test_a_photo_of_the_room_is_the_wrong_photo():
    pixels, labels = scene()
    quality = verdict(pixels, np.zeros_like(labels))
    assert quality.verdict == "retake"
    assert quality.problems == ("Hardly any skin is seen: take it again, or replace it if it is the wrong photo.",)


def test_a_body_far_away_is_small():
    quality = verdict(*scene(left=0.48, right=0.53))
    assert quality.verdict == "warn"
    assert quality.problems[0].startswith("The body is small")


def test_a_hand_must_end_within_the_photo_and_a_trunk_need_not():
    pixels, labels = scene()
    labels[:, :] = 0
    labels[300:700] = Tissue.INTACT  # touches left and right ...
    labels[:, 300:450] = Tissue.INTACT  # ... and top and bottom
    pixels[:] = (205, 208, 212)
    pixels[labels > 0] = LIGHT
    assert verdict(pixels, labels, "trunk-anterior").verdict == "usable"
    quality = verdict(pixels, labels, "hand-left-dorsal")
    assert quality.verdict == "warn"
    assert quality.problems[0].startswith("Cut off on all four sides")


def test_limits_of_the_protocol_decide():
    pixels, labels = scene()
    blurred = cv2.GaussianBlur(pixels, (0, 0), 3.2)
    assert verdict(blurred, labels, limits=QualityLimits(blur_warn=6, blur_retake=9)).verdict == "usable"
    assert verdict(blurred, labels, limits=QualityLimits(blur_warn=1, blur_retake=2)).verdict == "retake"


def test_a_photo_at_twice_the_size_gets_the_same_verdict():
    pixels, labels = scene()
    for picture in (pixels, cv2.GaussianBlur(pixels, (0, 0), 5)):
        large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        big_labels = cv2.resize(labels, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        assert verdict(large, big_labels) == verdict(picture, labels)


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="blur_warn must not be above blur_retake"):
        QualityLimits(blur_warn=5, blur_retake=4)


def test_the_shipped_protocol_spells_out_every_limit_at_its_default():
    text = protocol_text("lysyme")
    section = text[text.index("[quality]") :]
    assert all(f"\n{name} = " in section for name in QualityLimits.model_fields)
    protocol, _ = parse_protocol(text, None)
    assert protocol.quality == Protocol().quality


# ---------------------------------------------------------------------------------------------- the same photo


def room(seed: int) -> np.ndarray:
    blobs = np.random.default_rng(seed).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    return cv2.resize(blobs, (300, 400), interpolation=cv2.INTER_CUBIC)


@given(st.integers(0, 2**32 - 1))
def test_a_resized_and_brightened_copy_is_a_near_duplicate(seed):
    photo = room(seed)
    copy = np.clip(cv2.resize(photo, (210, 280), interpolation=cv2.INTER_AREA).astype(int) * 1.04 + 3, 0, 255)
    assert near_duplicate(photo_fingerprint(photo), photo_fingerprint(copy.astype(np.uint8)))


@given(st.integers(0, 2**31), st.integers(1, 2**31))
def test_another_photo_is_not(seed, step):
    assert not near_duplicate(photo_fingerprint(room(seed)), photo_fingerprint(room(seed + step)))


def test_a_fingerprint_has_64_bits_and_is_the_difference_hash():
    # Brighter to the right everywhere: every cell is darker than its right neighbour, so every bit is set.
    ramp = np.repeat(np.tile(np.linspace(0, 255, 90).astype(np.uint8), (80, 1))[..., None], 3, axis=2)
    assert photo_fingerprint(ramp) == 2**64 - 1
    assert photo_fingerprint(ramp[:, ::-1].copy()) == 0


def test_the_same_file_and_the_same_picture_under_two_names_are_found():
    found = doubled(
        {"D00/a.jpg": ("aa", 0), "D05/a.jpg": ("aa", 0), "D07/a.jpg": ("bb", 0b111), "D10/a.jpg": ("cc", 2**40 - 1)}
    )
    assert found == {
        "D05/a.jpg": "The same file as D00/a.jpg: replace one of the two.",
        "D07/a.jpg": "Looks like the same photo as D00/a.jpg: check that both were meant.",
    }
