"""Make sample_images/: a small phantom study with its truth, always the same.

    python scripts/make_sample_images.py [--out sample_images]

Two patients at the trial's visits with every view that carries weight: PH-001 has light skin and responds,
PH-002 has dark skin and does not. About four seconds a photograph on two idle cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bsa_measure.phantom.patients import draw_patient
from bsa_measure.phantom.study import generate
from bsa_measure.protocol import load_protocol

ROOT = Path(__file__).parent.parent
SEED = 2026
VISITS = (-1, 0, 5, 7, 10, 15)
LONG_SIDE = 640


def main() -> None:
    """Make the study, or go on where it stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "sample_images", help="folder of the study")
    out = parser.parse_args().out
    protocol, _ = load_protocol()
    patients = (
        draw_patient(SEED, 1, body="woman-45", ita=56, largest=0.28, healed_d7=95),
        draw_patient(SEED, 2, body="man-25", ita=-42, largest=0.22, healed_d7=72),
    )
    generate(
        out,
        patients=patients,
        seed=SEED,
        visits=VISITS,
        views=protocol.planned_views,
        long_side=LONG_SIDE,
        progress=lambda done, total, name: sys.stderr.write(f"\r{done + 1}/{total} {name:40}"),
    )
    sys.stderr.write("\n")


if __name__ == "__main__":
    main()
