from __future__ import annotations

import pytest

from train_teacher.pages.parts import Table


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["1", "1,000", "-"], True),
        (["+0.300", "-0.1"], True),
        (["12.5 %", "100%", ""], True),
        (["1", "two"], False),
        (["1 in 7"], False),
        ([], False),
    ],
)
def test_a_column_of_numbers_is_one_where_every_cell_is_a_number_or_a_dash(
    cells: list[str], numeric: bool
) -> None:
    rows = [("name", cell) for cell in cells]
    assert Table(("class", "boxes"), rows).numeric == [False, numeric]
