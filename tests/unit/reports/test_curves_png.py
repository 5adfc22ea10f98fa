from __future__ import annotations

from pathlib import Path

from PIL import Image

from train_teacher.pages.charts import Line
from train_teacher.reports.curves import Plot
from train_teacher.reports.curves_png import draw_curves

LOSS = Line("loss", [10, 20], [9.0, 5.0])


def test_the_plots_with_a_file_are_drawn_and_no_other(tmp_path: Path) -> None:
    plots = [Plot("Loss", "step", (LOSS,), file="loss"), Plot("Memory", "step", (LOSS,))]
    draw_curves(plots, tmp_path / "plots")

    (drawn,) = (tmp_path / "plots").iterdir()
    with Image.open(drawn) as image:
        assert (drawn.name, image.size) == ("loss.png", (768, 432))


def test_a_run_without_a_point_leaves_an_empty_folder(tmp_path: Path) -> None:
    draw_curves([], tmp_path / "plots")

    assert list((tmp_path / "plots").iterdir()) == []
