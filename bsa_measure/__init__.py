"""Detached and re-epithelialised body surface area from standardised photographs.

The names below are public. They are loaded when first used, so that importing the package, and asking the command
line for help, is instant.

>>> from bsa_measure import load_chart
>>> load_chart("lund-browder").weights_at(40)["trunk-anterior"]
13.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> the module that holds it, and its name there where that is the module's own.
_HOMES = {
    "Adjudication": "adjudicate",
    "Act": "readings",
    "AreaWeight": "geometry",
    "Areas": "fractions",
    "BlindedPhoto": "adjudicate",
    "BsaMeasureError": "errors",
    "Call": "endpoint",
    "Chart": "chart",
    "Comparison": "compare",
    "Decision": "adjudication",
    "Extent": "bsa",
    "Healing": "course",
    "NewAct": "readings",
    "NewReading": "readings",
    "Patient": "results",
    "PatientResult": "results",
    "Photo": "photo",
    "PhotoResult": "results",
    "Protocol": "protocol",
    "Quality": "quality",
    "Reading": "readings",
    "Readings": "readings",
    "Segmentation": "segment",
    "Study": "study",
    "StudyResults": "results",
    "SurfaceReading": "bsa",
    "Tissue": "tissue",
    "View": "protocol",
    "VisitBsa": "bsa",
    "area_weight": "geometry",
    "areas_on_surface": "fractions",
    "blinded_photo": "adjudicate",
    "call": "endpoint",
    "category": "endpoint",
    "cohort_study": "cohort_tables",
    "compare_readers": "compare",
    "eligibility": "endpoint",
    "healing": "course",
    "import_masks": "imports",
    "init_study": "study",
    "judge": "quality",
    "load_chart": "chart",
    "load_mask": "readings",
    "load_model": "segment",
    "load_protocol": "protocol",
    "lock_on": "readings",
    "measure_study": "measure.measure",
    "model_names": "segment",
    "open_adjudication": "adjudicate",
    "open_study": "study",
    "pool": "fractions",
    "read_photo": "photo",
    "record_decisions": "adjudicate",
    "segment_photo": "segment.segment",
    "store_mask": "readings",
    "surface_map": "surfaces",
    "visit_bsa": "bsa",
    "weight_picture": "geometry",
}

__all__ = sorted(["__version__", *_HOMES])


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, other = home.partition(".")
    value = getattr(import_module(f".{module}", __name__), other or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


if TYPE_CHECKING:
    from .adjudicate import Adjudication as Adjudication
    from .adjudicate import BlindedPhoto as BlindedPhoto
    from .adjudicate import blinded_photo as blinded_photo
    from .adjudicate import open_adjudication as open_adjudication
    from .adjudicate import record_decisions as record_decisions
    from .adjudication import Decision as Decision
    from .bsa import Extent as Extent
    from .bsa import SurfaceReading as SurfaceReading
    from .bsa import VisitBsa as VisitBsa
    from .bsa import visit_bsa as visit_bsa
    from .chart import Chart as Chart
    from .chart import load_chart as load_chart
    from .cohort_tables import cohort_study as cohort_study
    from .compare import Comparison as Comparison
    from .compare import compare_readers as compare_readers
    from .course import Healing as Healing
    from .course import healing as healing
    from .endpoint import Call as Call
    from .endpoint import call as call
    from .endpoint import category as category
    from .endpoint import eligibility as eligibility
    from .errors import BsaMeasureError as BsaMeasureError
    from .fractions import Areas as Areas
    from .fractions import areas_on_surface as areas_on_surface
    from .fractions import pool as pool
    from .geometry import AreaWeight as AreaWeight
    from .geometry import area_weight as area_weight
    from .geometry import weight_picture as weight_picture
    from .imports import import_masks as import_masks
    from .measure import measure as measure_study
    from .photo import Photo as Photo
    from .photo import read_photo as read_photo
    from .protocol import Protocol as Protocol
    from .protocol import View as View
    from .protocol import load_protocol as load_protocol
    from .quality import Quality as Quality
    from .quality import judge as judge
    from .readings import Act as Act
    from .readings import NewAct as NewAct
    from .readings import NewReading as NewReading
    from .readings import Reading as Reading
    from .readings import Readings as Readings
    from .readings import load_mask as load_mask
    from .readings import lock_on as lock_on
    from .readings import store_mask as store_mask
    from .results import Patient as Patient
    from .results import PatientResult as PatientResult
    from .results import PhotoResult as PhotoResult
    from .results import StudyResults as StudyResults
    from .segment import Segmentation as Segmentation
    from .segment import load_model as load_model
    from .segment import model_names as model_names
    from .segment import segment as segment_photo
    from .study import Study as Study
    from .study import init_study as init_study
    from .study import open_study as open_study
    from .surfaces import surface_map as surface_map
    from .tissue import Tissue as Tissue
