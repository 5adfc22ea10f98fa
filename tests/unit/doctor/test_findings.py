"""The texts of `teacher doctor` are in a table, and every line of it can occur."""

from __future__ import annotations

from pathlib import Path

from train_teacher.doctor import machine_checks, package_checks
from train_teacher.doctor.findings import finding, table


def test_every_entry_of_the_table_is_told_by_a_check() -> None:
    checks = "".join(Path(str(m.__file__)).read_text() for m in (machine_checks, package_checks))
    assert [name for name in table().findings if f'"{name}"' not in checks] == []


def test_names_are_filled_in_and_a_check_may_know_better_how_bad_it_is() -> None:
    told = finding("disk", severity="error", free="1.0 GiB", path="/runs", what="runs")
    assert (told.code, told.severity) == ("disk", "error")
    assert told.what == "1.0 GiB are free at /runs (runs)."
