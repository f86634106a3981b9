"""Paths for the helpers of the tests, and patience for the properties."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# A property is right or wrong; how long a busy computer takes to find out says nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
