"""Every code with its story."""

from __future__ import annotations

import difflib

from train_teacher.core.errors import UsageError
from train_teacher.inspection.explanations.box_codes import BOX_CODES
from train_teacher.inspection.explanations.explanation import Explanation
from train_teacher.inspection.explanations.file_codes import FILE_CODES
from train_teacher.inspection.explanations.image_codes import IMAGE_CODES
from train_teacher.inspection.explanations.mask_codes import MASK_CODES
from train_teacher.inspection.explanations.name_codes import NAME_CODES
from train_teacher.inspection.explanations.reference_codes import REFERENCE_CODES
from train_teacher.inspection.explanations.set_codes import SET_CODES

CATALOGUE: dict[str, Explanation] = {
    **FILE_CODES,
    **REFERENCE_CODES,
    **NAME_CODES,
    **BOX_CODES,
    **MASK_CODES,
    **IMAGE_CODES,
    **SET_CODES,
}


def explain(code: str) -> Explanation:
    """Return the story of a code, in upper or lower case.

    Raises:
        UsageError: there is no such code.
    """
    found = CATALOGUE.get(code.strip().upper())
    if found is None:
        near = difflib.get_close_matches(code.strip().upper(), CATALOGUE, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        series = "F1-F10, R1-R10, N1-N13, B1-B17, M1-M8, I1-I12, D1-D11"
        raise UsageError(f"--explain {code}: there is no such code; {hint}Codes: {series}.")
    return found
