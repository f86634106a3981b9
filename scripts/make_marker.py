"""Draw docs/marker.svg: the scale marker, to be printed at 100 %.

python scripts/make_marker.py
"""

from __future__ import annotations

from pathlib import Path

from bsa_measure.scale import marker_svg

PAGE = Path(__file__).parent.parent / "docs" / "marker.svg"


def main() -> None:
    PAGE.write_text(marker_svg(), encoding="utf-8", newline="\n")
    print(f"{PAGE.name} is drawn")


if __name__ == "__main__":
    main()
