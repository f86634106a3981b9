"""The segmentation door and the classical model, on pictures drawn here: a limb on a sheet, in every skin tone."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsa_measure.errors import ModelError
from bsa_measure.segment import (
    Segmentation,
    default_model,
    load_model,
    model_names,
    model_with_sha256,
    segment,
)
from bsa_measure.tissue import Tissue

SHEET = (205, 208, 212)
LIGHT, TAN, DARK = (224, 178, 150), (172, 120, 88), (92, 60, 44)
# What is left of red, green and blue light over raw dermis compared with the skin around it.
RAW_ON_LIGHT, RAW_ON_DARK = (170, 50, 48), (165, 70, 66)


def limb(skin: tuple[int, int, int], lesion: tuple[int, int, int] | None = None, size: int = 400) -> np.ndarray:
    """A vertical limb that fills the middle 40 % of a sheet, with a round lesion a quarter of its width across."""
    picture = np.full((size, int(size * 0.75), 3), SHEET, np.float64)
    width = picture.shape[1]
    across = (np.arange(width) - width / 2) / (0.2 * width)
    shade = 0.75 + 0.25 * np.sqrt(np.clip(1 - across**2, 0, 1))
    picture[:, np.abs(across) < 1] = (np.array(skin) * shade[:, None])[np.abs(across) < 1]
    if lesion is not None:
        rows, columns = np.mgrid[0:size, 0:width]
        wound = np.hypot(rows - size / 2, columns - width / 2) < lesion_radius(size)
        picture[wound] = lesion
        # A raw surface is uneven and wet.
        picture[wound] += np.random.default_rng(3).normal(0, 14, (int(wound.sum()), 1))
    noise = np.random.default_rng(5).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def lesion_radius(size: int) -> float:
    return size * 0.075


def truth(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the limb is and where its lesion is, of :func:`limb`."""
    width = int(size * 0.75)
    rows, columns = np.mgrid[0:size, 0:width]
    body = np.abs(columns - width / 2) < 0.2 * width
    return body, np.hypot(rows - size / 2, columns - width / 2) < lesion_radius(size)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.fixture(scope="module")
def model():
    return load_model("classical-v1")


@pytest.mark.parametrize("skin", [LIGHT, TAN, DARK])
def test_skin_of_every_tone_is_told_from_the_sheet(model, skin):
    labels = segment(model, limb(skin)).labels
    assert dice(labels != Tissue.BACKGROUND, truth(400)[0]) > 0.97


@pytest.mark.parametrize("skin", [LIGHT, TAN, DARK])
def test_healthy_skin_is_intact(model, skin):
    labels = segment(model, limb(skin)).labels
    body = labels != Tissue.BACKGROUND
    assert (labels[body] == Tissue.INTACT).mean() > 0.99


@pytest.mark.parametrize(
    ("skin", "lesion"), [(LIGHT, RAW_ON_LIGHT), (TAN, RAW_ON_LIGHT), (DARK, RAW_ON_DARK)], ids=["light", "tan", "dark"]
)
def test_a_raw_surface_is_detached_on_light_and_dark_skin(model, skin, lesion):
    labels = segment(model, limb(skin, lesion)).labels
    assert dice(labels == Tissue.DETACHED, truth(400)[1]) > 0.85


def test_a_flush_of_the_whole_limb_is_not_detached(model):
    flushed = tuple(int(c * f) for c, f in zip(LIGHT, (1.0, 0.85, 0.88), strict=True))
    labels = segment(model, limb(flushed)).labels
    assert (labels == Tissue.DETACHED).mean() < 0.005


def test_a_dressing_on_the_skin_is_not_assessable(model):
    picture = limb(TAN)
    picture[170:230, 130:170] = (245, 245, 245)
    labels = segment(model, picture).labels
    assert (labels[175:225, 135:165] == Tissue.NOT_ASSESSABLE).mean() > 0.9


def test_labels_are_as_large_as_the_photo_and_certainty_is_a_share(model):
    picture = cv2.resize(limb(LIGHT, RAW_ON_LIGHT), (901, 1201), interpolation=cv2.INTER_CUBIC)
    found = segment(model, picture)
    assert found.labels.shape == (1201, 901)
    assert found.labels.dtype == np.uint8
    assert 0.5 < found.certainty <= 1


def test_resolution_hardly_changes_the_detached_share(model):
    small = limb(LIGHT, RAW_ON_LIGHT)
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)

    def share(labels: np.ndarray) -> float:
        return float((labels == Tissue.DETACHED).sum() / (labels != Tissue.BACKGROUND).sum())

    assert share(segment(model, large).labels) == pytest.approx(share(segment(model, small).labels), abs=0.01)


def test_the_same_photo_gives_the_same_labels(model):
    picture = limb(DARK, RAW_ON_DARK)
    before = picture.copy()
    first = segment(model, picture)
    cv2.setRNGSeed(12345)  # whatever ran before must not matter
    second = segment(model, picture)
    assert np.array_equal(first.labels, second.labels)
    assert first.certainty == second.certainty
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_photo_of_nothing_is_background(model, value):
    found = segment(model, np.full((120, 90, 3), value, np.uint8))
    assert not found.labels.any()
    assert found.certainty == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(64, 300), st.integers(64, 300), st.integers(0, 2**32 - 1))
def test_any_photo_gives_probabilities(height, width, seed):
    blobs = np.random.default_rng(seed).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    picture = cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)
    probabilities = load_model("classical-v1").probabilities(picture)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (5, height, width)
    assert probabilities.min() >= 0
    assert np.allclose(probabilities.sum(axis=0), 1, atol=1e-5)


class Checkered:
    """A model whose answer is known: left half intact, right half detached, at a tenth of the photo's size."""

    name, sha256, licence, notice = "checkered", "0" * 64, "Apache-2.0", "Only for this test."

    def probabilities(self, pixels):
        height, width = pixels.shape[0] // 10, pixels.shape[1] // 10
        answer = np.zeros((5, height, width), np.float32)
        answer[Tissue.INTACT, :, : width // 2] = 1
        answer[Tissue.DETACHED, :, width // 2 :] = 1
        return answer


def test_a_small_answer_is_brought_to_the_size_of_the_photo():
    found = segment(Checkered(), np.zeros((100, 200, 3), np.uint8))
    assert isinstance(found, Segmentation)
    assert (found.labels[:, :100] == Tissue.INTACT).all()
    assert (found.labels[:, 100:] == Tissue.DETACHED).all()


# ------------------------------------------------------------------------------------------------ the registry


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A copy of the models that come with the program."""
    with resources.as_file(resources.files("bsa_measure_models")) as source:
        shutil.copy(source / "registry.toml", tmp_path / "registry.toml")
        shutil.copytree(source / "classical-v1", tmp_path / "classical-v1")
    return tmp_path


def test_the_classical_model_comes_with_the_program():
    assert "classical-v1" in model_names()


def test_a_model_is_built_once():
    assert load_model("classical-v1") is load_model("classical-v1")


def test_a_model_knows_what_it_was_built_from(model):
    assert model.name == "classical-v1"
    assert len(model.sha256) == 64
    assert model.licence == "Apache-2.0"
    assert model.notice.endswith(".")


def test_a_misspelt_model_is_refused_with_a_suggestion():
    with pytest.raises(ModelError, match="did you mean 'classical-v1'"):
        load_model("clasical-v1")


def test_one_changed_byte_is_refused(models: Path):
    file = models / "classical-v1" / "parameters.toml"
    file.write_bytes(file.read_bytes().replace(b"hue = 48.0", b"hue = 48.1"))
    with pytest.raises(ModelError, match="changed or damaged"):
        load_model("classical-v1", models)


def test_a_missing_file_is_refused(models: Path):
    (models / "classical-v1" / "parameters.toml").unlink()
    with pytest.raises(ModelError, match="lacks its file classical-v1/parameters.toml"):
        load_model("classical-v1", models)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "classical"', 'kind = "oracle"', "kind 'oracle'"),
        ('licence = "Apache-2.0"', "", "has no 'licence'"),
        ("[classical-v1]", "[classical-v1", "cannot be read"),
    ],
)
def test_a_damaged_registry_is_refused(models: Path, old: str, new: str, says: str):
    registry = models / "registry.toml"
    text = registry.read_text(encoding="utf-8")
    assert old in text
    registry.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError, match=says):
        load_model("classical-v1", models)


def test_parameters_of_another_version_are_refused(models: Path):
    import hashlib

    file = models / "classical-v1" / "parameters.toml"
    registry = models / "registry.toml"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(file.read_bytes().replace(b"hue_width", b"hue_breadth"))
    after = hashlib.sha256(file.read_bytes()).hexdigest()
    text = registry.read_text(encoding="utf-8").replace(before, after)
    registry.write_text(text.replace("[classical-v1]", "[own-rules]"), encoding="utf-8")
    with pytest.raises(ModelError, match="do not fit this version"):
        load_model("own-rules", models)


def test_a_sites_model_cannot_take_the_name_of_another(models: Path):
    registry = models / "registry.toml"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(text.replace('sha256 = "c', 'sha256 = "d'), encoding="utf-8")
    with pytest.raises(ModelError, match="as one that comes with the program is called: give it another name"):
        load_model("classical-v1", models)


def test_a_sites_models_are_found_beside_those_of_the_program(models: Path):
    registry = models / "registry.toml"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(text.replace("[classical-v1]", "[own-rules]"), encoding="utf-8")
    assert {"own-rules", "classical-v1"} <= set(model_names(models))
    assert "own-rules" not in model_names()
    assert load_model("own-rules", models).name == "own-rules"
    assert load_model("classical-v1", models).name == "classical-v1"
    sha256 = load_model("own-rules", models).sha256
    assert model_with_sha256(sha256) == "classical-v1"
    assert model_with_sha256("0" * 64, models) is None


def test_the_program_recommends_a_model_that_it_brings():
    assert default_model() in model_names()
