"""An audit as text, as a page with crops, and as tasks of Label Studio."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from train_teacher.audit.audit import AuditResult
from train_teacher.audit.suspects import Box, Suspect
from train_teacher.core.arrays import Boxes
from train_teacher.core.atomic_file import write_atomically
from train_teacher.images.thumbnails import with_boxes
from train_teacher.pages.page import render_page, render_text
from train_teacher.pages.parts import Image
from train_teacher.prediction.other_formats import Labelled, write_label_studio
from train_teacher.prediction.prediction_file import PredictedImage

SHOWN, SHOWN_ON_PAGE = 20, 60
"""Of all kinds together on a terminal, of each on the page."""
KINDS = {
    "missing": "a sure box and no label",
    "phantom": "a label and nothing near it",
    "class": "another class is surer",
    "location": "the label lies beside a sure box",
    "double": "a second label of one object",
}


def tell(suspect: Suspect) -> str:
    """Return a doubted label in one line, without the image."""
    label = f"{suspect.label} (annotation {suspect.annotation_id})"
    found = f"{suspect.found} {suspect.score:.2f}"
    return {
        "missing": f"{found} has no label",
        "phantom": f"{label}: nothing near it scores over {suspect.score:.2f}",
        "class": f"{label} is rather {found}",
        "location": f"{label} overlaps {found} by {suspect.overlap or 0:.2f} only",
        "double": f"{label}: another label is there",
    }[suspect.kind]


def render_audit(result: AuditResult) -> str:
    """Return the audit for a terminal."""
    shown = result.audit.suspects[:SHOWN]
    lines = [(suspect, tell(suspect)) for suspect in shown]
    text = render_text("audit/audit.txt.j2", audit=result.audit, kinds=KINDS, lines=lines)
    return text.rstrip("\n")


def write_page(path: Path, result: AuditResult) -> None:
    """Write a page with a crop of each suspect, up to a number of each kind.

    Raises:
        UserError: it cannot be written.
    """
    shown = []
    for kind in KINDS:
        if own := [suspect for suspect in result.audit.suspects if suspect.kind == kind]:
            shown.append((kind, len(own), [_drawn(one, result) for one in own[:SHOWN_ON_PAGE]]))
    html = render_page(
        "audit/audit.html.j2",
        audit=result.audit,
        kinds=KINDS,
        parts_shown=shown,
    )
    write_atomically(path, html)


def _drawn(suspect: Suspect, result: AuditResult) -> Image:
    def rows(box: Box | None) -> Boxes:
        return np.array([box] if box else [], np.float64).reshape(-1, 4)

    folder, _, _ = result.places[suspect.file, suspect.file_name]
    source = with_boxes(
        folder / suspect.file_name,
        rows(suspect.label_box),
        [suspect.label or ""],
        rows(suspect.box),
        [f"{suspect.found} {suspect.score:.2f}"],
        turned=result.turned,
        near=True,
    )
    note = f"{suspect.file_name}, image {suspect.image_id}"
    return Image(source or "", f"{suspect.probability:.0%}: {tell(suspect)}", note)


def write_tasks(path: Path, result: AuditResult) -> None:
    """Write the images with suspects as tasks of Label Studio; its labels are the kinds of doubt.

    Raises:
        UserError: the system refuses.
    """
    root = Path(os.path.commonpath([folder.absolute() for folder, _, _ in result.places.values()]))
    kinds = list(KINDS)
    images = []
    for place in dict.fromkeys((s.file, s.file_name) for s in result.audit.suspects):
        own = [s for s in result.audit.suspects if (s.file, s.file_name) == place]
        folder, width, height = result.places[place]
        images.append(
            PredictedImage(
                (folder.absolute() / place[1]).relative_to(root).as_posix(),
                width,
                height,
                tuple(kinds.index(suspect.kind) for suspect in own),
                tuple(suspect.probability for suspect in own),
                tuple(box for s in own if (box := s.box or s.label_box)),
            )
        )
    labelled = Labelled(images, root, kinds, result.audit.teacher, result.turned)
    write_label_studio(labelled, path)
