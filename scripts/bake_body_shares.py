"""Write ``bsa_measure/chart_check_table.py``: what share of the skin each surface is on the baked bodies.

    python scripts/bake_body_shares.py

Needs the extra ``[phantom]``, not anny. Run it after every bake; then ``scripts/bodies_page.py``.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from bsa_measure.body_shape import one_side
from bsa_measure.phantom.body import body_names, load_body, surface_shares

TABLE = Path(__file__).resolve().parents[1] / "bsa_measure/chart_check_table.py"


def main() -> None:
    bodies = [load_body(name) for name in body_names()]
    lines = [
        '"""Shares of the skin of the phantom bodies: written by ``scripts/bake_body_shares.py``, not to be edited."""',
        "",
        "# Sex, age in years, height in cm, weight in kg of every body.",
        "BODIES = (",
        *(f'    ("{b.sex}", {b.age_years:g}, {b.height_cm:.1f}, {b.weight_kg:.1f}),  # {b.name}' for b in bodies),
        ")",
        "# Surface, without its side, to its share on every body, in % of the skin; left and right alike.",
        "SHARES = {",
    ]
    shares = [surface_shares(body) for body in bodies]
    for name in dict.fromkeys(map(one_side, shares[0])):
        sides = [[share for surface, share in each.items() if one_side(surface) == name] for each in shares]
        values = [f"{fmean(side):.3f}" for side in sides]
        half = len(values) // 2
        lines += [
            f'    "{name}": (',
            f"        {', '.join(values[:half])},",
            f"        {', '.join(values[half:])},",
            "    ),",
        ]
    TABLE.write_text("\n".join([*lines, "}", ""]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
