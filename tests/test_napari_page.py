"""The dermatologist's page lists the keys that the window obeys."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "dermatologist.md"


_ASK = """
import json, sys
from bsa_measure_napari._qt.actions import ACTIONS, CLASS_OF_KEY
from bsa_measure_napari._qt.adjudicate import DECISIONS
from bsa_measure_napari._qt.key_card import key_card
keys = [[entry.key for entry in listed] + list(CLASS_OF_KEY) + ["D"] for listed in (ACTIONS, DECISIONS)]
sys.stdout.write(json.dumps({"card": key_card(), "keys": keys}))
"""


@pytest.mark.skipif(importlib.util.find_spec("napari") is None, reason="the [napari] extra is not installed")
def test_the_page_lists_the_keys_of_today_and_no_key_does_two_things() -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, env=environment, check=True)
    told = json.loads(done.stdout)
    assert told["card"].count("| `") > 30
    assert told["card"] in PAGE.read_text(encoding="utf-8"), "run  python scripts/make_key_card.py"
    for keys in told["keys"]:
        assert len(keys) == len(set(keys)), sorted(keys)
