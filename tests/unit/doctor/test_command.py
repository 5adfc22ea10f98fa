from __future__ import annotations

import json

import msgspec

from train_teacher.doctor.command import render_json, render_text
from train_teacher.doctor.facts import (
    Diagnosis,
    Disk,
    Environment,
    EnvironmentFinding,
    Gpu,
    Needed,
    Requirement,
    TrainingStack,
)

GPU = Gpu(name="NVIDIA H100", capability=(9, 0), total_bytes=80 * 2**30, free_bytes=70 * 2**30)
SEEN = Environment(
    train_teacher="0.1.0",
    python="3.11.7",
    python_specifier=">=3.10,<3.14",
    platform="Linux",
    requirements=(
        Requirement(name="torch", specifier=">=2.6,<2.14", installed="2.13.0", fits=True),
        Requirement(name="setuptools", specifier="<81", installed="82.0.0"),
        Requirement(name="mmdet", specifier="==3.3.0"),
        Requirement(name="tensorboard", specifier=">=2.14,<3", extra="tensorboard"),
    ),
    stack=TrainingStack(torch="2.13.0", torch_cuda="13.0", cuda_available=True, gpus=(GPU,)),
    disks=(Disk(what="runs", path="/a/very/long/path/" * 6, free_bytes=2**33),),
    needed=(Needed(what="base weights", wanted="http://x/y/w.pth", place="/c", present=False),),
    offline="HF_HUB_OFFLINE=1 forbids the network",
)


def finding(code: str, severity: str, fix: str) -> EnvironmentFinding:
    words = "This sentence is long enough to need a second line on a narrow terminal. " * 2
    return EnvironmentFinding(
        code=code, severity=severity, what="something.", consequence=words, fix=fix
    )


SICK = Diagnosis(
    SEEN,
    (
        finding("missing-mmdet", "error", 'pip install "mmdet==3.3.0"'),
        finding("version-setuptools", "error", 'pip install "setuptools<81"'),
        finding("disk", "warning", ""),
    ),
)


def rows_of(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines() if line.split()}


def test_only_packages_that_do_not_fit_are_shown_and_the_others_counted() -> None:
    text = render_text(SICK)
    assert rows_of(text)["setuptools"].split() == ["setuptools", "82.0.0", "<81", "<--"]
    assert "mmdet" in rows_of(text)
    assert "torch" not in rows_of(text)
    assert "  2 others are in the accepted range\n" in text
    fine = msgspec.structs.replace(SEEN, requirements=SEEN.requirements[:1])
    assert "  2 packages are in the accepted range\n" in render_text(Diagnosis(fine, ()))


def test_every_package_and_place_is_shown_on_request() -> None:
    lines = rows_of(render_text(SICK, verbose=True))
    assert lines["torch"].endswith(">=2.6,<2.14")
    assert {"mmcv", "deformops", "torch's"} <= lines.keys()
    assert "tensorboard" not in lines
    assert not {"mmcv", "deformops", "torch's"} & rows_of(render_text(SICK)).keys()


def test_what_is_only_worth_knowing_is_shown_on_request() -> None:
    known = Diagnosis(SEEN, (finding("no-gpu", "info", ""),))
    assert "info" not in rows_of(render_text(known))
    assert "info" in rows_of(render_text(known, verbose=True))


def test_a_missing_file_that_can_be_had_is_no_finding_but_told() -> None:
    online = msgspec.structs.replace(SEEN, offline=None)
    text = " ".join(render_text(Diagnosis(online, ())).split())
    assert "base weights not here, will be downloaded when training starts (w.pth)" in text


def test_prose_keeps_to_80_columns_and_commands_and_paths_stay_whole() -> None:
    lines = render_text(SICK).splitlines()
    prose = [line for line in lines if "pip install" not in line and "/a/very" not in line]
    assert max(len(line) for line in prose) <= 80
    assert any(line.endswith('fix: pip install "setuptools<81"') for line in lines)
    assert any(line.strip().endswith("/a/very/long/path/" * 6) for line in lines)


def test_one_command_for_all_packages_and_a_verdict_close_the_report() -> None:
    *_, command, _, verdict = render_text(SICK).splitlines()
    assert command == 'all packages at once: pip install "mmdet==3.3.0" "setuptools<81"'
    assert verdict == "2 errors, 1 warning: training will fail"
    assert render_text(Diagnosis(SEEN, ())).endswith("nothing wrong: training can start")


def test_the_machine_is_described() -> None:
    text = render_text(SICK)
    assert "NVIDIA H100, sm_90, 70.0 GiB of 80.0 GiB free" in text
    assert "HF_HUB_OFFLINE=1 forbids the network" in text
    assert "not here (w.pth)" in text


def test_the_json_is_complete() -> None:
    report = json.loads(render_json(SICK))
    assert report["healthy"] is False
    assert [item["code"] for item in report["findings"]] == [
        "missing-mmdet",
        "version-setuptools",
        "disk",
    ]
    assert set(report["environment"]) == set(Environment.__struct_fields__)
