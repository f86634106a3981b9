"""Whether a network in 8-bit numbers may stand for the one in floats: size, time, what it gets wrong. One command:

    python benchmarks/int8.py MODEL DATA.toml --out OUT [--sources DIR] [--models DIR] [--calibrate 32] [--part test]

Quantises the network with ONNX Runtime (static, weights per channel, ranges from photographs of the part ``train``),
writes OUT/MODEL-int8.onnx, and judges both on the same photographs: the tables of `bsa-measure evaluate`, the share
of pixels that change their class, and the ratio of processor time of the bare calls, taken in turns on one core.
Needs the extra ``[train]`` for the package onnx. An endpoint decides on 1 % of the body: 8 bits are shipped only if
they move nothing that matters.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from bsa_measure import __version__
from bsa_measure.batch import default_workers
from bsa_measure.evaluation import TOLERANCE_PERCENT
from bsa_measure.evaluation_files import photo_tables
from bsa_measure.evaluation_photos import figures, judge_photos
from bsa_measure.files import write_bytes, write_text
from bsa_measure.network import NetworkModel, network_image
from bsa_measure.photo import read_photo
from bsa_measure.protocol import Protocol
from bsa_measure.segment import load_model, segment
from bsa_measure.training.data import Example, examples, pick, read_data_file

LONG_SIDE = Protocol().measure.working_long_side


class Photographs(CalibrationDataReader):
    """What the network is shown to find the range of every layer."""

    def __init__(self, model: NetworkModel, chosen: list[Example]) -> None:
        self.inputs = self._inputs(model, chosen)

    @staticmethod
    def _inputs(model: NetworkModel, chosen: list[Example]) -> Iterator[dict[str, Any]]:
        for example in chosen:
            pixels = read_photo(example.photo, long_side=LONG_SIDE).pixels
            yield {"image": network_image(pixels, model.started[1])}

    def get_next(self) -> dict[str, Any] | None:  # type: ignore[override]
        return next(self.inputs, None)


def evenly(found: list[Example], count: int) -> list[Example]:
    """So many of them, the same number of each source, spread over its list."""
    sources = list(dict.fromkeys(example.source for example in found))
    chosen = []
    for source in sources:
        own = [example for example in found if example.source == source]
        chosen += own[:: max(1, len(own) * len(sources) // count)]
    return chosen


def quantise(model: NetworkModel, chosen: list[Example], out: Path) -> bytes:
    """The network with 8-bit weights and activations, with the same metadata."""
    plain, ready, small = out / "plain.onnx", out / "ready.onnx", out / "small.onnx"
    write_bytes(plain, model.data)
    # Batch normalisation becomes part of the convolutions, so that each has one range.
    quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
    quantize_static(
        str(ready),
        str(small),
        Photographs(model, chosen),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    network = onnx.load(str(small))
    del network.metadata_props[:]
    onnx.helper.set_model_props(network, model.started[1].metadata())
    for file in (plain, ready, small):
        file.unlink()
    return bytes(network.SerializeToString(deterministic=True))


def register(out: Path, models: dict[str, bytes]) -> None:
    text = ""
    for name, data in models.items():
        write_bytes(out / f"{name}.onnx", data)
        text += (
            f'[{name}]\nkind = "onnx"\nfile = "{name}.onnx"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
            'licence = "as the model it was made from"\nnotice = "For comparison only."\n\n'
        )
    write_text(out / "registry.toml", text)


def differences(a: NetworkModel, b: NetworkModel, chosen: list[Example]) -> dict[str, float]:
    """Ratio of processor time of the bare calls, and shares of pixels that change their class."""
    ratios, changed, on_body = [], [], []
    for example in chosen:
        pixels = read_photo(example.photo, long_side=LONG_SIDE).pixels
        image = network_image(pixels, a.started[1])
        spent = []
        for model in (a, b):
            model.started[0].run(["logits"], {"image": image})
            start = time.process_time()
            model.started[0].run(["logits"], {"image": image})
            spent.append(time.process_time() - start)
        ratios.append(spent[1] / spent[0])
        before, after = segment(a, pixels).labels, segment(b, pixels).labels
        changed.append(float((before != after).mean()))
        body = (before != 0) | (after != 0)
        on_body.append(float((before != after)[body].mean()) if body.any() else 0.0)
    return {
        "time": statistics.median(ratios),
        "changed": statistics.mean(changed),
        "changed on the body": statistics.mean(on_body),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", type=Path, default=None)
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--calibrate", type=int, default=32, help="photographs to find ranges on")
    parser.add_argument("--timed", type=int, default=20, help="photographs to compare pixel by pixel")
    parser.add_argument("--part", default="test")
    parser.add_argument("--workers", type=int, default=default_workers())
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = load_model(options.model, options.models)
    if not isinstance(model, NetworkModel):
        raise SystemExit(f"{model.name} is no network.")
    data, base = read_data_file(options.data), options.sources or options.data.parent
    found = examples(data, base)
    small = quantise(model, evenly(pick(found, "train"), options.calibrate), options.out)
    names = (f"{model.name}-float", f"{model.name}-int8")
    register(options.out, dict(zip(names, (model.data, small), strict=True)))
    floats, ints = (load_model(name, options.out) for name in names)
    assert isinstance(floats, NetworkModel)
    assert isinstance(ints, NetworkModel)
    apart = differences(floats, ints, evenly(pick(found, options.part), options.timed))
    judged = judge_photos(data, base, names, part=options.part, folder=options.out, workers=options.workers)
    tables = photo_tables(
        {
            "version": __version__,
            "models": {m.name: m.sha256 for m in (floats, ints)},
            "part": options.part,
            "boundary_tolerance_percent": TOLERANCE_PERCENT,
            "sets": [record for record in figures(judged, names) if record["kind"] == "all"],
        }
    )
    line = (
        f"{len(model.data) / 1e6:.1f} MB became {len(small) / 1e6:.1f} MB; the bare call takes {apart['time']:.2f} of "
        f"its processor time; {100 * apart['changed']:.2f} % of all pixels and {100 * apart['changed on the body']:.2f}"
        " % of those on the body change their class.\n"
    )
    write_text(options.out / "int8.md", f"{line}\n{tables}")
    print(line)
    print(tables)


if __name__ == "__main__":
    main()
