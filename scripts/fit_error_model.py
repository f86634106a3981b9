"""Fit the error model of a reader to phantom studies whose truth is known, and write it as a file.

    bsa-measure phantom --out STUDY --patients 12 --visits D0,D7
    bsa-measure measure STUDY --reader model:classical-v1
    python scripts/fit_error_model.py STUDY [STUDY ...] --reader model:classical-v1 --out error_model.toml

The file of a model that comes with the program is named in models/registry.toml with the SHA-256 printed at the end
(error_model and error_model_sha256). Any other file goes into the folder error-models/ of a study. It takes at least
five patients: the more, the narrower the intervals. `bsa-measure compare --error-model` does the same for a person
against another reader.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from bsa_measure.error_models import error_model_text
from bsa_measure.error_pairs import fit_to_truth
from bsa_measure.errors import BsaMeasureError
from bsa_measure.files import write_text


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", metavar="STUDY", help="measured phantom studies")
    parser.add_argument("--reader", required=True, help="a person's name, or model:NAME")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    wish = parser.parse_args()
    try:
        text = error_model_text(fit_to_truth(wish.studies, wish.reader))
        write_text(wish.out, text)
    except BsaMeasureError as error:
        sys.exit(str(error))
    print(f"{wish.out}\nsha256 {hashlib.sha256(text.encode()).hexdigest()}")


if __name__ == "__main__":
    main()
