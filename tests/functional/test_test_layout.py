"""Tests lie as the modules do: tests/unit/<folder>/test_<module>.py for each that has logic."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, UNIT = ROOT / "src" / "train_teacher", ROOT / "tests" / "unit"
WITHOUT_LOGIC = {
    "wiring": """cli/main audit/command core/installed engine/runner evaluation/command
        inspection/command inspection/load mmdet_plugin/output_folder mmdet_plugin/runner_access
        mmdet_plugin/startup/hook mmdet_plugin/upstream_internals prediction/command
        prompt_trials/command reports/command teachers/export_command training/command
        weights/command""",
    "constants": """core/rewrites failures/patterns scores/metric_names core/network
        core/protected_files""",
    "chains of calls, seen as a whole in runs of the commands": """teachers/open audit/audit
        evaluation/forgetting prompt_trials/try_phrases engine/outer_launch reports/environment
        reports/write mmdet_plugin/startup/prompt_check mmdet_plugin/startup/preflight
        mmdet_plugin/loop/train_loop images/drawings teachers/hub_comparison""",
    "types": """core/arrays core/errors doctor/facts inspection/finding
        inspection/inspected reports/facts reports/final_scores settings/decided
        settings/option settings/schema coco/masks/columns""",
}
"""Modules that need no test file of their own, by reason."""


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
    excused = " ".join(WITHOUT_LOGIC.values()).split()
    assert len(excused) == len(set(excused))
    assert set(excused) == {module for module in modules() if not own_test(module).is_file()}


def test_every_unit_test_file_bears_the_name_of_a_module() -> None:
    expected = {own_test(module) for module in modules()}
    assert set(UNIT.rglob("test_*.py")) <= expected
