"""A trained network as a model: an ONNX file, run by ONNX Runtime.

The file is complete: beside the weights it carries, as metadata, what it was made for, so that a file and its hash
decide every answer. Input ``image``: (1, 3, H, W) float32, red-green-blue from -1 to 1, H and W multiples of 32.
Output ``logits``: (1, 5, H, W) float32 or half of H and W. Metadata:

    bsa_measure_format    1
    classes               background,intact,detached,reepithelialised,not_assessable
    long_side             the longer side at which the network sees a photograph, in pixels
    temperature           logits are divided by it, so that probabilities mean what they say (Guo et al., ICML 2017)
    most_enlarged         optional: a smaller photograph is enlarged by this factor at most; without it, not at all
    further_looks         optional: smaller sizes, relative to that one and separated by commas, at which the network
                          looks once more; its probabilities are averaged. What lies around a lesion tells what it is
    mirrored_looks        optional: yes, if at these it sees the photograph mirrored, so that the looks err less alike
    detached_odds         optional: the odds of *detached* are multiplied by this, so that the areas that it marks are
                          right on average on photographs that it did not learn from
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .photo import reduced
from .tissue import Tissue

if TYPE_CHECKING:
    from .segment import Entry

FORMAT: Final = 1
MULTIPLE: Final = 32
"""The network halves the picture five times, so each side must be a multiple of this."""

CLASSES: Final = ",".join(tissue.name.lower() for tissue in Tissue)

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Made:
    """What a network was made for, read from its file.

    Attributes:
        long_side: the longer side at which it sees a photograph, in pixels.
        temperature: by which logits are divided.
        most_enlarged: factor by which a smaller photograph is enlarged at most.
        further_looks: smaller sizes, relative to the first, at which it looks once more.
        mirrored_looks: whether it sees the photograph mirrored then.
        detached_odds: by which the odds of *detached* are multiplied.
    """

    long_side: int
    temperature: float
    most_enlarged: float = 1.0
    further_looks: tuple[float, ...] = ()
    mirrored_looks: bool = False
    detached_odds: float = 1.0

    def metadata(self) -> dict[str, str]:
        """As it is written into the ONNX file."""
        optional = {
            "further_looks": ",".join(map(repr, self.further_looks)),
            "mirrored_looks": "yes" if self.mirrored_looks else "",
            "detached_odds": repr(self.detached_odds) if self.detached_odds != 1 else "",
        }
        return {key: text for key, text in optional.items() if text} | {
            "bsa_measure_format": str(FORMAT),
            "classes": CLASSES,
            "long_side": str(self.long_side),
            "temperature": repr(self.temperature),
            "most_enlarged": repr(self.most_enlarged),
        }

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Made:
        """The reverse of :meth:`metadata`.

        Raises:
            ValueError: something is missing or makes no sense; says what.
        """
        if metadata.get("bsa_measure_format") != str(FORMAT):
            raise ValueError(f"its format is {metadata.get('bsa_measure_format')!r}, not {FORMAT}")
        if metadata.get("classes") != CLASSES:
            raise ValueError(f"its classes are {metadata.get('classes')!r}")
        mirrored = metadata.get("mirrored_looks", "no")
        if mirrored not in ("yes", "no"):
            raise ValueError(f"its mirrored_looks are {mirrored!r}, neither yes nor no")
        made = cls(
            long_side=int(metadata.get("long_side", "")),
            temperature=float(metadata.get("temperature", "")),
            most_enlarged=float(metadata.get("most_enlarged", "1")),
            further_looks=tuple(float(text) for text in metadata.get("further_looks", "").split(",") if text),
            mirrored_looks=mirrored == "yes",
            detached_odds=float(metadata.get("detached_odds", "1")),
        )
        if not (MULTIPLE <= made.long_side <= 8192 and 0 < made.temperature < 100 and 1 <= made.most_enlarged <= 16):
            raise ValueError(f"its long_side, temperature or most_enlarged is out of range: {made}")
        if len(made.further_looks) > 4 or not all(0.1 <= factor <= 1 for factor in made.further_looks):
            raise ValueError(f"its further_looks are out of range: {made.further_looks}")
        if not 0.1 <= made.detached_odds <= 10:
            raise ValueError(f"its detached_odds are out of range: {made.detached_odds}")
        return made


@dataclass(frozen=True)
class NetworkModel:
    """A :class:`bsa_measure.segment.Model` of trained weights.

    It is started when it is first asked: choosing a model and checking its hash does not need ONNX Runtime.
    """

    name: str
    sha256: str
    licence: str
    notice: str
    data: bytes

    def probabilities(self, pixels: Pixels) -> Floats:
        """Class probabilities, (5, h, w) float32, of a (height, width, 3) uint8 photograph; see ``segment.Model``.

        Raises:
            ModelError: ONNX Runtime cannot run the file, or it is no network of this format.
        """
        made = self.started[1]
        answer = self.look(pixels, 1.0)
        size = (answer.shape[2], answer.shape[1])
        for factor in made.further_looks:
            further = self.look(pixels, factor, mirrored=made.mirrored_looks)
            for plane, smaller in zip(answer, further, strict=True):
                plane += cv2.resize(smaller, size, interpolation=cv2.INTER_LINEAR)
        if made.further_looks:
            answer *= np.float32(1 / (1 + len(made.further_looks)))
        if made.detached_odds != 1:
            answer[Tissue.DETACHED] *= np.float32(made.detached_odds)
            answer /= answer.sum(axis=0)
        return answer

    def look(self, pixels: Pixels, factor: float, *, mirrored: bool = False) -> Floats:
        """Class probabilities (5, h, w) of one look, before the odds of *detached*.

        Args:
            pixels: (height, width, 3) uint8 photograph.
            factor: size of the look, 1 or smaller.
            mirrored: show it to the network mirrored; the answer is turned back.

        Raises:
            ModelError: as :meth:`probabilities`.
        """
        session, made = self.started
        width, height = network_size(pixels.shape[1], pixels.shape[0], made, factor)
        image = network_image(pixels, made, factor, mirrored=mirrored)
        try:
            logits = session.run(["logits"], {"image": image})[0]
        except Exception as error:  # ONNX Runtime's errors have no common type of their own
            raise self._not_run(error) from error
        step = image.shape[2] // max(logits.shape[-2], 1)
        if step not in (1, 2) or logits.shape != (1, len(Tissue), image.shape[2] // step, image.shape[3] // step):
            raise self._not_run(f"its answer has the shape {logits.shape}")
        # Sides are even, so half of each is whole.
        answer = softmax(logits[0, :, : height // step, : width // step], made.temperature)
        return np.ascontiguousarray(answer[:, :, ::-1]) if mirrored else answer

    @cached_property
    def started(self) -> tuple[Any, Made]:
        """The ONNX Runtime session, and what the network was made for. Raises as :meth:`probabilities`."""
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"The model {self.name} needs ONNX Runtime: install it with  pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        # OpenCV knows this process's share of the cores: all of them, or one in a worker beside others.
        options.intra_op_num_threads = max(1, cv2.getNumThreads())
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors come as exceptions
        # Threads that wait for work must not take the cores from decoding and drawing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])
            made = Made.read(session.get_modelmeta().custom_metadata_map)
        except Exception as error:
            raise self._not_run(error) from error
        return session, made

    def _not_run(self, reason: object) -> ModelError:
        first_line = str(reason).split("\n", 1)[0]
        return ModelError(f"The model {self.name} cannot be run ({first_line}): use another model.")


def build(entry: Entry, data: bytes) -> NetworkModel:
    """The model from its registry entry and the bytes of its ONNX file."""
    return NetworkModel(entry.name, entry.sha256, entry.licence, entry.notice, data)


def network_size(width: int, height: int, made: Made, factor: float = 1.0) -> tuple[int, int]:
    """(width, height) at which the network sees a photograph of that size: even numbers, the same proportions.

    Args:
        width, height: of the photograph, in pixels.
        made: what the network was made for.
        factor: 1, or one of its further looks.
    """
    scale = factor * min(made.long_side / max(width, height), made.most_enlarged)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def network_image(pixels: Pixels, made: Made, factor: float = 1.0, *, mirrored: bool = False) -> Floats:
    """What a network is given of a (height, width, 3) uint8 photograph: (1, 3, H, W), -1 to 1, reduced and padded."""
    size = network_size(pixels.shape[1], pixels.shape[0], made, factor)
    small = reduced(pixels, *size)
    if mirrored:
        small = small[:, ::-1]
    below, beside = -size[1] % MULTIPLE, -size[0] % MULTIPLE
    padded = cv2.copyMakeBorder(small, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.dnn.blobFromImage(padded, scalefactor=1 / 127.5, mean=(127.5, 127.5, 127.5)), np.float32)


def softmax(logits: Floats, temperature: float) -> Floats:
    """Probabilities (classes, h, w), which sum to 1 over the first axis, in the place of the logits of that shape."""
    largest = logits.max(axis=0)
    total = np.zeros_like(largest)
    for plane in logits:
        plane -= largest
        if temperature != 1:
            plane *= np.float32(1 / temperature)
        cv2.exp(plane, dst=plane)
        total += plane
    for plane in logits:
        plane /= total
    return logits
