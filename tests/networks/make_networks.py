"""How the networks beside this file were made (needs `onnx`, which no test needs).

    python tests/networks/make_networks.py

Each calls a pixel what its colour is nearest to: logit k = 5 (2 x c_k - c_k c_k), so that logits differ by
5 |x - c|², with x and the colours c from -1 to 1. `colours.onnx` answers at the size of its input, `colours-half.onnx`
at half of it, with a temperature of 2. `colours-small.onnx` sees photographs at half the size, `colours-both.onnx` at
both; `leaning-mirrored.onnx` at both, the smaller mirrored, and gives a pixel the answer of its neighbour on the left;
`colours-odds.onnx` triples the odds of detached.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bsa_measure.network import Made

COLOURS = ((50, 100, 200), (220, 170, 140), (170, 40, 45), (230, 120, 160), (250, 250, 250))
"""Red-green-blue of background, intact, detached, re-epithelialised and not assessable."""

SHARPNESS = 5.0


def network(made: Made, step: int, *, leaning: bool = False) -> onnx.ModelProto:
    colours = np.array(COLOURS, np.float32) / 127.5 - 1
    weight = (2 * SHARPNESS * colours)[:, :, None, None]
    bias = -SHARPNESS * (colours**2).sum(axis=1)
    nodes = [helper.make_node("Conv", ["small", "weight", "bias"], ["logits"], kernel_shape=[1, 1])]
    if leaning:
        # Each pixel gets the answer of its neighbour on the left.
        weight = np.concatenate([weight, np.zeros_like(weight), np.zeros_like(weight)], axis=3)
        nodes = [helper.make_node("Conv", ["small", "weight", "bias"], ["logits"], kernel_shape=[1, 3],
                                  pads=[0, 1, 0, 1])]  # fmt: skip
    if step > 1:
        pool = helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[step, step], strides=[step, step])
        nodes.insert(0, pool)
    else:
        nodes[0].input[0] = "image"
    graph = helper.make_graph(
        nodes,
        "nearest colour",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 5, "height_out", "width_out"])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias.astype(np.float32), "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, made.metadata())
    onnx.checker.check_model(model)
    return model


def main() -> None:
    here = Path(__file__).parent
    (here / "colours.onnx").write_bytes(network(Made(160, 1.0), 1).SerializeToString(deterministic=True))
    (here / "colours-small.onnx").write_bytes(network(Made(80, 1.0), 1).SerializeToString(deterministic=True))
    both = network(Made(160, 1.0, further_looks=(0.5,)), 1)
    (here / "colours-both.onnx").write_bytes(both.SerializeToString(deterministic=True))
    mirrored = network(Made(160, 1.0, further_looks=(0.5,), mirrored_looks=True), 1, leaning=True)
    (here / "leaning-mirrored.onnx").write_bytes(mirrored.SerializeToString(deterministic=True))
    odds = network(Made(160, 1.0, detached_odds=3.0), 1)
    (here / "colours-odds.onnx").write_bytes(odds.SerializeToString(deterministic=True))
    half = network(Made(160, 2.0, most_enlarged=2.0), 2)
    (here / "colours-half.onnx").write_bytes(half.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
