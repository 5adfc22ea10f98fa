from __future__ import annotations

from contextvars import copy_context

from train_teacher.core.python_files import allow_python_files, python_files_allowed


def allowed_after(answer: bool) -> bool:
    allow_python_files(answer)
    return python_files_allowed()


def test_python_files_are_run_only_where_the_user_allowed_it() -> None:
    assert not python_files_allowed()
    assert copy_context().run(allowed_after, True)
    assert not copy_context().run(allowed_after, False)


def test_what_one_command_allowed_is_not_allowed_in_the_next() -> None:
    copy_context().run(allow_python_files, True)

    assert not python_files_allowed()
