import pytest

from train_teacher.settings.descriptions import field_help, field_options
from train_teacher.settings.option import PANELS
from train_teacher.settings.schema import FIELD_TYPES


@pytest.mark.parametrize("name", FIELD_TYPES)
def test_every_setting_explains_itself(name: str) -> None:
    assert field_help(name).endswith(".")


def test_settings_stand_in_the_order_of_the_headings_of_the_help() -> None:
    panels = [option.panel for option in field_options().values()]
    assert panels == sorted(panels, key=PANELS.index)
    assert set(panels) == set(PANELS)
