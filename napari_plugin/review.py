"""``bsa-measure review``: one command, one window."""

from __future__ import annotations

from pathlib import Path

from bsa_measure.errors import BsaMeasureError


def review(
    folder: Path, reader: str, *, blinded: bool = False, seed: int | None = None, full_size: bool = False
) -> None:
    """Open the window and return when it is closed.

    Raises:
        BsaMeasureError: the study cannot be used, or napari is not installed.
    """
    try:
        import napari

        from ._qt.window import open_window
    except ImportError as error:
        raise BsaMeasureError(
            f"The window needs {error.name}: install it with  pip install 'bsa-measure[napari]'"
        ) from error
    open_window(folder, reader, blinded=blinded, seed=seed, full_size=full_size)
    napari.run()


def adjudicate(folder: Path, adjudicator: str) -> None:
    """Open the window on what the readers of a study disagree about, and return when it is closed.

    Raises:
        BsaMeasureError: napari is not installed.
    """
    try:
        import napari

        from ._qt.adjudicate import open_window
    except ImportError as error:
        raise BsaMeasureError(
            f"The window needs {error.name}: install it with  pip install 'bsa-measure[napari]'"
        ) from error
    open_window(folder, adjudicator)
    napari.run()
