"""Training a network, from the loss to a model that `measure` can use; needs the extra [train]."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("segmentation_models_pytorch", reason="needs the extra [train]")

from bsa_measure.errors import TrainingError  # noqa: E402
from bsa_measure.imports import import_masks  # noqa: E402
from bsa_measure.network import Made, NetworkModel  # noqa: E402
from bsa_measure.segment import load_model, segment  # noqa: E402
from bsa_measure.study import open_study  # noqa: E402
from bsa_measure.training.architecture import build_network, depthwise_in_float32, freeze  # noqa: E402
from bsa_measure.training.command import train_model  # noqa: E402
from bsa_measure.training.corrections import write_corrections  # noqa: E402
from bsa_measure.training.crops import Crops, develop  # noqa: E402
from bsa_measure.training.data import examples, read_data_file  # noqa: E402
from bsa_measure.training.export import architecture_of, fit_temperature, load_onnx_weights, to_onnx  # noqa: E402
from bsa_measure.training.looks import probabilities  # noqa: E402
from bsa_measure.training.loss import partial_label_loss  # noqa: E402
from bsa_measure.training.recipe import Recipe  # noqa: E402

SMALL = """
[recipe]
name = "small"
encoder = "tf_efficientnet_lite0"
steps = 4
batch = 2
crop = 64
long_side = [64, 128]
seen_long_side = 128
check_every = 2

[[source]]
name = "study"
folder = "study"
tune_share = 0.5
"""


def table(*rows: list[int]) -> torch.Tensor:
    allowed = torch.zeros((1, len(rows), 5), dtype=torch.bool)
    for value, row in enumerate(rows):
        allowed[0, value, row] = True
    return allowed


def test_with_all_classes_told_apart_the_loss_is_cross_entropy_and_dice() -> None:
    # One pixel, five equally probable classes: -log(1/5) + 1 - (2 * 0.2 + 1) / (0.2 + 1 + 1).
    loss = partial_label_loss(torch.zeros(1, 5, 1, 1), torch.tensor([[[2]]]), table([0], [1], [2], [3], [4]))
    assert float(loss) == pytest.approx(math.log(5) + 1 - 1.4 / 2.2, abs=1e-6)


def test_a_wound_mask_asks_nothing_about_what_the_rest_is() -> None:
    allowed = table([0, 1, 3, 4], [2])
    mask = torch.tensor([[[0]]])
    losses = []
    for rest in (0, 1, 3, 4):
        logits = torch.full((1, 5, 1, 1), -20.0)
        logits[0, rest] = 20.0
        losses.append(float(partial_label_loss(logits, mask, allowed)))
    assert losses == pytest.approx([0.0] * 4, abs=1e-5)
    wrong = torch.full((1, 5, 1, 1), -20.0)
    wrong[0, 2] = 20.0
    assert float(partial_label_loss(wrong, mask, allowed)) > 5


def test_crops_that_know_a_class_share_its_dice_however_else_their_masks_differ() -> None:
    allowed = torch.zeros((2, 5, 5), dtype=torch.bool)
    allowed[0], allowed[1, :2] = table([0], [1], [2], [3], [4])[0], table([0, 1, 3, 4], [2])[0]
    # Both show detached skin, as value 2 and as value 1, each given 0.2: 1 - (2 * 0.4 + 1) / (0.4 + 2 + 1).
    loss = partial_label_loss(torch.zeros(2, 5, 1, 1), torch.tensor([[[2]], [[1]]]), allowed)
    assert float(loss) == pytest.approx(math.log(5) + 1 - 1.8 / 3.4, abs=1e-6)


def test_pixels_outside_the_photograph_count_nothing() -> None:
    torch.manual_seed(0)
    logits, allowed = torch.randn(1, 5, 4, 8), table([0, 1, 3, 4], [2])
    mask = torch.randint(0, 2, (1, 4, 8))
    mask[:, :, 4:] = -1
    other = logits.clone()
    other[:, :, :, 4:] = 9.0
    assert float(partial_label_loss(logits, mask, allowed)) == pytest.approx(
        float(partial_label_loss(other, mask, allowed)), abs=1e-6
    )


def test_the_temperature_of_overconfident_answers_is_found() -> None:
    # Right 3 times in 4 but sure of itself: the best probability is 0.75, so logits 6 apart must become log(3) apart.
    mask = torch.tensor([1, 1, 1, 0] * 50)
    logits = torch.zeros(5, 200)
    logits[1] = 6.0
    logits[2:] = -60.0
    assert fit_temperature([logits[None]], [mask], [torch.eye(5, dtype=torch.bool)]) == pytest.approx(5.0, rel=0.01)
    assert fit_temperature([logits[None] / 3], [mask], [torch.eye(5, dtype=torch.bool)]) == pytest.approx(
        2 / math.log(3), rel=0.02
    )
    # A second look that knows nothing takes the mean of each probability with 1/5: sure of itself, 0.6 of the answer.
    looks = torch.stack([logits, torch.zeros_like(logits)])
    warmer = fit_temperature([looks / 3], [mask], [torch.eye(5, dtype=torch.bool)])
    assert warmer < 2 / math.log(3)


@pytest.mark.parametrize("decoder", ["linknet", "unet"])
def test_the_exported_file_answers_as_the_network_does_and_gives_its_weights_back(decoder: str) -> None:
    torch.manual_seed(3)
    recipe = Recipe(decoder=decoder, encoder="tf_efficientnet_lite0")
    network = build_network(recipe, imagenet=False).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.mul_(1 + 0.02 * torch.rand_like(value)).add_(0.01 * torch.rand_like(value))
    data = to_onnx(network, Made(256, 1.0).metadata())
    assert to_onnx(network, Made(256, 1.0).metadata()) == data
    onnxruntime = pytest.importorskip("onnxruntime")
    image = torch.randn(1, 3, 96, 64)
    answer = onnxruntime.InferenceSession(data).run(["logits"], {"image": image.numpy()})[0]
    with torch.no_grad():
        expected = network(image).numpy()
    # A U-Net answers at half of the size it sees.
    assert expected.shape == ((1, 5, 48, 32) if decoder == "unet" else (1, 5, 96, 64))
    np.testing.assert_allclose(answer, expected, atol=1e-3 * abs(expected).max())
    again = build_network(recipe, imagenet=False).eval()
    load_onnx_weights(again, data)
    with torch.no_grad():
        np.testing.assert_allclose(again(image).numpy(), expected, atol=1e-6)
    # Another decoder can begin on the encoder that has learned.
    other = build_network(Recipe(decoder="unet" if decoder == "linknet" else "linknet", encoder=recipe.encoder),
                          imagenet=False)  # fmt: skip
    fresh = {key: value.clone() for key, value in other.state_dict().items()}
    load_onnx_weights(other, data, decoder=False)
    for key, value in other.state_dict().items():
        assert torch.equal(value, (network.state_dict() if key.startswith("encoder.") else fresh)[key]), key
    with pytest.raises(TrainingError, match="another encoder or decoder"):
        load_onnx_weights(other, data)
    with pytest.raises(TrainingError, match="another encoder or decoder"):
        load_onnx_weights(build_network(Recipe(encoder="tf_efficientnet_lite2"), imagenet=False), data)


@pytest.mark.parametrize("decoder", ["linknet", "unet"])
@pytest.mark.parametrize("encoder", ["tf_efficientnet_lite0", "tf_efficientnet_lite1"])
def test_a_file_tells_how_its_network_is_built(encoder: str, decoder: str) -> None:
    network = build_network(Recipe(encoder=encoder, decoder=decoder), imagenet=False)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.01 * torch.rand_like(value))
    data = to_onnx(network, Made(256, 1.0).metadata())
    assert architecture_of(data) == (encoder, decoder)
    # Every layer of the smaller encoder is in the file of the larger one, too: that is no fit.
    for other in {"tf_efficientnet_lite0", "tf_efficientnet_lite1"} - {encoder}:
        for whole in (True, False):
            with pytest.raises(TrainingError, match="another encoder or decoder"):
                load_onnx_weights(build_network(Recipe(encoder=other, decoder=decoder), imagenet=False), data,
                                  decoder=whole)  # fmt: skip


@pytest.mark.parametrize("decoder", ["linknet", "unet"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_during_training_a_photograph_is_read_as_the_finished_model_reads_it(mirrored: bool, decoder: str) -> None:
    torch.manual_seed(4)
    network = build_network(Recipe(encoder="tf_efficientnet_lite0", decoder=decoder), imagenet=False).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.mul_(1 + 0.05 * torch.rand_like(value)).add_(0.02 * torch.rand_like(value))
    made = Made(128, 1.0, 2.0, (0.5,), mirrored, 1.5)
    model = NetworkModel("small", "", "", "", to_onnx(network, made.metadata()))
    pixels = np.random.default_rng(5).integers(0, 256, (150, 90, 3), np.uint8)
    with torch.no_grad():
        answer = probabilities(network, pixels, made).numpy()
    expected = model.probabilities(pixels)
    assert np.ptp(expected[2]) > 0.01
    np.testing.assert_allclose(answer, expected, atol=1e-3)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for patient in range(6):
        photo = tmp_path / f"study/photos/PH-{patient}/D07/trunk-anterior.png"
        mask = tmp_path / f"study/truth/masks/PH-{patient}/D07/trunk-anterior.png"
        photo.parent.mkdir(parents=True)
        mask.parent.mkdir(parents=True)
        labels = np.ones((96, 64), np.uint8)
        labels[20:50, 10:40] = 2
        pixels = np.where(labels[..., None] == 2, (40, 40, 200), (150, 180, 220)) + rng.integers(0, 20, (96, 64, 3))
        cv2.imwrite(str(photo), pixels.astype(np.uint8))
        cv2.imwrite(str(mask), labels)
    (tmp_path / "data.toml").write_text(SMALL, encoding="utf-8")
    return tmp_path


@pytest.mark.filterwarnings("default")
def test_a_source_may_be_learned_from_at_sizes_of_its_own(study: Path) -> None:
    def seen(own: str) -> float:
        """Share of the crops that shows the photograph and not what lies beyond it."""
        (study / "data.toml").write_text(f"{SMALL}{own}\n", encoding="utf-8")
        data = read_data_file(study / "data.toml")
        crops = Crops(examples(data, study), {source.name: source for source in data.source}, data.recipe)
        return float(np.mean([(crops.crop(number)[1] >= 0).float().mean() for number in range(len(crops))]))

    # 32 x 21 pixels of a photograph in a crop of 64 x 64; of one with 512 x 341 the crop shows a part.
    assert seen("long_side = [32, 32]") < 0.25
    assert seen("long_side = [512, 512]") > 0.6


def test_light_and_camera_change_a_crop_and_leave_a_lesion_redder_than_the_skin_around_it() -> None:
    picture = np.full((64, 64, 3), (215, 175, 150), np.uint8)
    picture[:, 32:] = (170, 60, 55)
    seen = [develop(picture, np.random.default_rng(number)).astype(float) for number in range(200)]
    assert np.array_equal(seen[7], develop(picture, np.random.default_rng(7)))
    skin, lesion = (np.array([crop[:, half].mean((0, 1)) for crop in seen]) for half in (slice(30), slice(34, 64)))
    redness = [part[:, 0] / part[:, 1:].mean(1) for part in (skin, lesion)]
    assert np.mean(redness[1] > redness[0]) > 0.97
    # From a dark room to a flash, and neither cut off at white or black as a rule.
    low, high = np.quantile(skin.mean(1), (0.1, 0.9))
    assert low < 140 < 200 < high
    assert np.mean((skin.mean(1) > 250) | (lesion.mean(1) < 5)) < 0.1


def test_in_bfloat16_depthwise_layers_that_learn_keep_float32() -> None:
    network = build_network(Recipe(encoder="tf_efficientnet_lite0", decoder="unet"), imagenet=False)
    freeze(network, 2)
    depthwise_in_float32(network)
    seen: dict[tuple[bool, bool], set[torch.dtype]] = {}
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            kind = (layer.groups > 1, layer.weight.requires_grad)
            layer.register_forward_hook(lambda _, given, made, kind=kind: seen.setdefault(kind, set()).add(made.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.zeros(1, 3, 64, 64)).float().sum().backward()
    assert seen.pop((True, True)) == {torch.float32}
    assert set.union(*seen.values()) == {torch.bfloat16}
    assert all(parameter.grad is not None for parameter in network.parameters() if parameter.requires_grad)


class Interrupted(Exception):
    pass


def interrupt(step: int, steps: int, line: object) -> None:
    raise Interrupted


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupted_run_goes_on_and_becomes_a_model(study: Path, precision: str) -> None:
    text = SMALL.replace("steps = 4", f'steps = 4\nprecision = "{precision}"')
    (study / "data.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Interrupted):
        train_model(study / "data.toml", study / "run", threads=1, progress=interrupt)
    kept = (study / "run" / "log.jsonl").read_text(encoding="utf-8")
    steps: list[int] = []
    finished = train_model(study / "data.toml", study / "run", threads=1, progress=lambda step, *_: steps.append(step))
    assert steps == [4]
    assert (study / "run" / "log.jsonl").read_text(encoding="utf-8").startswith(kept)
    assert "polyline" in (study / "run" / "curve.svg").read_text(encoding="utf-8")
    model = load_model("small", study / "run" / "models")
    assert model.sha256 == finished.sha256
    labels = segment(model, np.zeros((96, 64, 3), np.uint8)).labels
    assert labels.shape == (96, 64)
    # The recipe beside the model is a data file again.
    again = read_data_file(study / "run" / "models" / "small" / "recipe.toml")
    assert len(examples(again, study)) == 6
    # The interrupted run and one in a single go end with the same weights.
    whole = train_model(study / "data.toml", study / "whole", threads=1)
    assert whole.sha256 == finished.sha256


@pytest.mark.filterwarnings("default")
def test_a_run_that_was_stopped_becomes_a_model_as_it_stands(study: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint to end at: the first is made at step 2"):
        train_model(study / "data.toml", study / "run", threads=1, end_here=True)
    with pytest.raises(Interrupted):
        train_model(study / "data.toml", study / "run", threads=1, progress=interrupt)
    finished = train_model(study / "data.toml", study / "run", threads=1, end_here=True)
    recipe = finished.folder / "recipe.toml"
    assert "ended at step 2" in recipe.read_text(encoding="utf-8")
    assert read_data_file(recipe).recipe.steps == 4
    network = build_network(read_data_file(recipe).recipe, imagenet=False).eval()
    network.load_state_dict(torch.load(study / "run" / "checkpoint.pt", weights_only=True)["average"])
    model = load_model("small", study / "run" / "models")
    assert isinstance(model, NetworkModel)
    assert model.data == to_onnx(network, model.started[1].metadata())


@pytest.mark.filterwarnings("default")
def test_a_model_that_goes_on_from_another_inherits_its_licence_and_corrected_masks_start_a_new_run(
    study: Path,
) -> None:
    text = SMALL.replace("steps = 4", "steps = 2") + 'licence = "CC-BY-NC-4.0"\n'
    (study / "data.toml").write_text(text, encoding="utf-8")
    first = train_model(study / "data.toml", study / "run", threads=1)
    again = SMALL.replace("steps = 4", "steps = 1").replace('name = "small"', 'name = "ours"\nstart = "small"')
    (study / "ours.toml").write_text(again, encoding="utf-8")
    models = study / "run" / "models"
    train_model(study / "ours.toml", study / "ours", models=models, threads=1)
    assert load_model("ours", study / "ours" / "models").licence == "CC-BY-NC-4.0"
    recipe = read_data_file(study / "ours" / "models" / "ours" / "recipe.toml").recipe
    assert recipe.start_sha256 == first.sha256
    mixed = again.replace('name = "ours"', 'name = "mixed"\nstart_weight = 0.25')
    (study / "mixed.toml").write_text(mixed, encoding="utf-8")
    train_model(study / "mixed.toml", study / "mixed", models=models, threads=1)
    trained, mean = (torch.load(study / run / "network.pt", weights_only=True) for run in ("ours", "mixed"))
    begun = torch.load(study / "run" / "network.pt", weights_only=True)
    for name, value in mean.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.75 * trained[name] + 0.25 * begun[name], atol=1e-5, rtol=1e-4)
    mask = next((study / "study/truth/masks").glob("*/*/*.png"))
    cv2.imwrite(str(mask), np.zeros((96, 64), np.uint8))
    with pytest.raises(TrainingError, match="choose an empty folder"):
        train_model(study / "ours.toml", study / "ours", models=models, threads=1)


def test_a_run_is_not_continued_with_other_sources_and_a_name_is_not_taken_twice(study: Path) -> None:
    (study / "run").mkdir()
    (study / "run" / "data.json").write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError, match="holds a run with another recipe"):
        train_model(study / "data.toml", study / "run", threads=1)
    (study / "data.toml").write_text(SMALL.replace('"small"', '"classical-v1"'), encoding="utf-8")
    with pytest.raises(TrainingError, match="never replaced"):
        train_model(study / "data.toml", study / "other", threads=1)


@pytest.mark.filterwarnings("default")
def test_a_site_goes_on_from_any_network_as_that_was_made(study: Path, tmp_path: Path) -> None:
    made_so = """
decoder = "unet"
further_looks = [0.5]
mirrored_looks = true
detached_odds = 1.5
"""
    text = SMALL.replace("steps = 4", "steps = 1").replace("\n[[source]]", f"{made_so}[[source]]")
    (study / "data.toml").write_text(text, encoding="utf-8")
    train_model(study / "data.toml", study / "run", threads=1)
    site = write_study(tmp_path / "site", patients="P1,40,-3\nP2,40,-3")
    for number, patient in enumerate(("P1", "P2")):
        save_photo(site / f"photos/{patient}/D07/trunk-anterior.jpg", skin_photo(number, side=200))
        save_mask(tmp_path / f"masks/{patient}/D07/trunk-anterior.png", limb_mask({(0, 90): 1, (90, 200): 2}, side=200))
    import_masks(open_study(site), tmp_path / "masks", reader="Duval")
    written = write_corrections(site, tmp_path / "corrections", name="ours", start="small").data_file
    short = written.read_text(encoding="utf-8").replace("steps = 600", "steps = 1")
    written.write_text(short.replace("[[source]]", "batch = 1\ncrop = 64\n\n[[source]]"), encoding="utf-8")
    train_model(written, tmp_path / "ours", models=study / "run" / "models", threads=1)
    recipe = read_data_file(tmp_path / "ours" / "models" / "ours" / "recipe.toml").recipe
    assert (recipe.encoder, recipe.decoder, recipe.seen_long_side) == ("tf_efficientnet_lite0", "unet", 128)
    assert (recipe.further_looks, recipe.mirrored_looks, recipe.detached_odds) == ((0.5,), True, 1.5)
    # With too few patients to calibrate on, it is as sure of itself as the model that it came from.
    before, after = (load_model(name, study.joinpath(run, "models")) for name, run in (("small", "run"),
                     ("ours", tmp_path / "ours")))  # fmt: skip
    assert isinstance(before, NetworkModel)
    assert isinstance(after, NetworkModel)
    assert before.started[1] == after.started[1]


def test_a_weight_of_the_start_needs_a_start() -> None:
    with pytest.raises(ValueError, match="name it in start"):
        Recipe(start_weight=0.5)


@pytest.mark.filterwarnings("default")
def test_what_cannot_be_learned_from_is_said_in_a_sentence(study: Path) -> None:
    (study / "data.toml").write_text(f"{SMALL}share = 0\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="No photograph is there to learn from"):
        train_model(study / "data.toml", study / "run", threads=1)
    (study / "data.toml").write_text(SMALL, encoding="utf-8")
    masks = sorted((study / "study/truth/masks").glob("*/*/*.png"))
    kept = masks[0].read_bytes()
    cv2.imwrite(str(masks[0]), np.full((96, 64), 255, np.uint8))
    with pytest.raises(TrainingError, match="the value 255"):
        train_model(study / "data.toml", study / "run", threads=1)
    assert not (study / "run").exists()
    # Photographs are read while it learns: one whose head is whole and whose rest is not.
    masks[0].write_bytes(kept)
    for photo in (study / "study/photos").glob("*/*/*.png"):
        photo.write_bytes(photo.read_bytes()[:-200])
    with pytest.raises(TrainingError) as told:
        train_model(study / "data.toml", study / "run", threads=1)
    assert str(told.value) == "trunk-anterior.png is damaged or incomplete: copy it from the camera again."


@pytest.mark.filterwarnings("default")
def test_a_loss_that_is_no_number_ends_the_run_and_nothing_of_it_is_kept(study: Path) -> None:
    (study / "data.toml").write_text(SMALL.replace("[recipe]", "[recipe]\nlearning_rate = 1e30"), encoding="utf-8")
    with pytest.raises(TrainingError, match=r"By step \d the loss is no number any more: train again with a lower"):
        train_model(study / "data.toml", study / "run")
    assert not (study / "run" / "checkpoint.pt").exists()


@pytest.mark.filterwarnings("default")
def test_a_run_killed_between_its_files_goes_on(study: Path) -> None:
    with pytest.raises(Interrupted):
        train_model(study / "data.toml", study / "run", threads=1, progress=interrupt)
    # The log of the next check was written, its checkpoint was not.
    log = study / "run" / "log.jsonl"
    log.write_text(log.read_text(encoding="utf-8") + '{"step": 4, "loss": 9}\n', encoding="utf-8")
    train_model(study / "data.toml", study / "run", threads=1)
    assert [line["step"] for line in map(json.loads, log.read_text(encoding="utf-8").splitlines())] == [2, 4]
    assert '"loss": 9' not in log.read_text(encoding="utf-8")
