"""Detached and re-epithelialised body surface area from standardised photographs."""

__version__ = "0.1.0"
