"""Score the test split once, after training, with the base and the best weights."""

from __future__ import annotations

from pathlib import Path

from train_teacher.console.progress import Progress, part_of
from train_teacher.evaluation.evaluate import split_of_run
from train_teacher.evaluation.labelled_images import detections_of, scores_of
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.reports.final_scores import FinalScores
from train_teacher.runs.folder import RunFolder
from train_teacher.scores.analysis import analyse
from train_teacher.scores.bootstrap import chance_of_gain
from train_teacher.scores.detections import Detections
from train_teacher.scores.labelling import label_quality
from train_teacher.scores.validation_files import canonical_truth
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import model as teacher_model


def score_test_split(
    folder: RunFolder,
    settings: TeacherSettings,
    info: DatasetInfo,
    device: str,
    threshold: float | None,
    progress: Progress | None = None,
) -> FinalScores | None:
    """Score the test split as `teacher evaluate` does; None where the run has none.

    Args:
        folder: of a run with a checkpoint.
        settings: of the run.
        info: facts about its data.
        device: `cpu` or `cuda`.
        threshold: score that the validation chose; that of the best F1 here when None.
        progress: called with images done and in all.

    Raises:
        UserError: an image or a file of the run is gone.
    """
    if all(split.name != "test" for split in info.splits):
        return None
    data = split_of_run(folder, info, "test")
    truth = canonical_truth(data.content)
    with_base = settings.evaluate_before and settings.weights != "none"

    def look(checkpoint: Path | None, part: int) -> Detections:
        model = teacher_model.load_run(folder, settings, info, checkpoint, device)
        return detections_of(model, data, data.phrases, part_of(progress, part, 1 + with_base))

    before = look(None, 0) if with_base else None
    best = look(folder.best_checkpoint(), int(with_base))
    return FinalScores(
        num_images=len(truth.image_ids),
        num_objects=int((~truth.crowd).sum()),
        before=scores_of(data, before) if before else None,
        best=scores_of(data, best),
        chance=chance_of_gain(before, best, truth) if before else None,
        labels=label_quality(analyse(best, truth, info.class_names, threshold)),
    )
