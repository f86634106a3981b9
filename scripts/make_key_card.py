"""Write the key card into docs/dermatologist.md, from the keys that the window obeys.

python scripts/make_key_card.py
"""

from __future__ import annotations

import os
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "dermatologist.md"
BEGIN, END = "<!-- key card: made by scripts/make_key_card.py -->\n", "<!-- end of the key card -->\n"


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from bsa_measure_napari._qt.key_card import key_card

    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{key_card()}\n{END}{after}", encoding="utf-8", newline="\n")
    print(f"{PAGE.name} has the keys of today")


if __name__ == "__main__":
    main()
