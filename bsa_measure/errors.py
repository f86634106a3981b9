"""The errors a user can cause and mend. Each message is one sentence: which thing, what is wrong, what to do."""

from __future__ import annotations


class BsaMeasureError(Exception):
    """Base of every error this package raises on purpose; its text is fit to be shown to a nurse."""


class ChartError(BsaMeasureError):
    """A body-surface chart is unknown, unreadable or does not add up."""


class ProtocolError(BsaMeasureError):
    """A protocol file has an unknown key, a wrong value or a contradiction."""


class StudyError(BsaMeasureError):
    """A study folder, or one of its tables, cannot be used as it is."""


class PhotoError(BsaMeasureError):
    """A photograph cannot be read, or is not what its name says."""


class MaskError(BsaMeasureError):
    """A mask has a wrong size, an unknown class or no photograph."""


class ModelError(BsaMeasureError):
    """A segmentation model is unknown, damaged, or not the one the protocol locks."""


class ReadingError(BsaMeasureError):
    """A reading cannot be stored or found, or the record has been tampered with."""


class LockedError(ReadingError):
    """What was to be recorded would change something that is locked."""


class PhantomError(BsaMeasureError):
    """A digital phantom cannot be made as asked."""


class TrainingError(BsaMeasureError):
    """A data file, its photographs or a training folder cannot be used."""
