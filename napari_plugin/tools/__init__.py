"""The tools of a correction as pure functions on arrays: no Qt, no napari.

A tool looks at a label image and says what it would change as a :class:`~.patch.Patch`, a small rectangle of new
classes. Nothing changes before the patch is laid over the labels, so that a proposal can be shown first and everything
can be taken back.
"""
