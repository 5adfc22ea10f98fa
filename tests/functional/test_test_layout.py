"""Tests lie as the modules do: tests/unit/<folder>/test_<module>.py for each that has logic."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, UNIT = ROOT / "src" / "train_teacher", ROOT / "tests" / "unit"
WITHOUT_LOGIC = {
    "wiring": """cli/main core/installed engine/runner evaluation/command
        inspection/command inspection/load mmdet_plugin/output_folder mmdet_plugin/runner_access
        mmdet_plugin/startup/hook mmdet_plugin/upstream_internals prediction/command
        prompt_trials/command reports/command teachers/export_command training/command
        weights/command""",
    "constants": """core/rewrites failures/patterns scores/metric_names core/network
        core/protected_files""",
    "types": """core/arrays core/errors doctor/facts inspection/facts inspection/finding
        inspection/inspected reports/facts reports/final_scores scores/coco_scores settings/option
        coco/masks/columns""",
}
"""Modules that need no test file of their own, by reason."""
TESTED_FROM = {
    "functional/test_predict.py": """teachers/open images/drawings
        evaluation/forgetting""",
    "functional/test_prompts.py": "prompt_trials/try_phrases",
    "functional/test_several_processes.py": "engine/outer_launch",
    "unit/mmdet_plugin/model/test_many_classes.py": "mmdet_plugin/startup/prompt_check",
    "functional/test_train_teacher.py": """reports/environment reports/write
        mmdet_plugin/loop/train_loop""",
    "functional/test_mid_run_faults.py": "mmdet_plugin/startup/preflight",
    "unit/inspection/checks/test_reference_checks.py": "inspection/checks/unlisted_id_checks",
    "unit/inspection/checks/boxes/test_box_checks.py": "inspection/box_conventions",
    "unit/inspection/fix/test_fix_file.py": """inspection/fix/annotations inspection/fix/boxes
        inspection/fix/plan""",
    "functional/test_fix.py": "inspection/fix/text",
    "unit/inspection/page/test_render.py": """inspection/page/charts
        inspection/figures""",
    "unit/reports/test_compare.py": "reports/comparison reports/comparison_text",
}
"""Modules whose logic is tested together with what uses it; give them their own file instead."""


def modules() -> list[str]:
    return [
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in PACKAGE.rglob("*.py")
        if not path.name.startswith("__")
    ]


def own_test(module: str) -> Path:
    folder, _, name = module.rpartition("/")
    return UNIT / folder / f"test_{name}.py"


def test_a_module_has_its_own_test_file_or_a_reason_to_have_none() -> None:
    excused = " ".join([*WITHOUT_LOGIC.values(), *TESTED_FROM.values()]).split()
    assert len(excused) == len(set(excused))
    assert set(excused) == {module for module in modules() if not own_test(module).is_file()}
    for file in TESTED_FROM:
        assert (ROOT / "tests" / file).is_file(), file


def test_every_unit_test_file_bears_the_name_of_a_module() -> None:
    expected = {own_test(module) for module in modules()}
    assert set(UNIT.rglob("test_*.py")) <= expected
