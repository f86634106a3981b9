"""Correction of masks by a person in napari.

The heart knows neither Qt nor napari: :mod:`session` holds the queue and the open photograph, :mod:`canvas` what is
painted on it, :mod:`draft` what is on the disk before a reading is recorded. ``_qt`` holds thin widgets that show the
session and pass on what a person does.
"""
