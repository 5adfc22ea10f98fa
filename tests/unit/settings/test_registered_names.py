"""The names read from source are those that the registries have when everything is imported."""

from __future__ import annotations

import warnings

import mmengine.registry
import pytest

from train_teacher.settings.registered_names import _registered_in, is_registered, registered_names


def names_in_registries() -> set[str]:
    import mmdet.registry
    from mmdet.utils import register_all_modules

    register_all_modules()
    modules = (mmengine.registry.root, mmdet.registry)
    found = [value for module in modules for value in vars(module).values()]
    registries = [value for value in found if isinstance(value, mmengine.registry.Registry)]
    return {name for registry in registries for name in registry.module_dict}


@pytest.mark.usefixtures("mmdet_ready")
def test_every_registered_name_is_known() -> None:
    missing = names_in_registries() - registered_names()
    assert missing == set()
    assert len(registered_names()) > 600


def test_nothing_is_said_of_the_escapes_in_the_texts_of_others() -> None:
    registered_names.cache_clear()
    _registered_in.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registered_names()


@pytest.mark.parametrize("name", ["SmoothL1Loss", "AdamW", "BN", "nearest", "TeacherCocoMetric"])
def test_one_name_is_found_without_reading_all(name: str) -> None:
    assert is_registered(name)


@pytest.mark.parametrize("name", ["getoutput", "module", "os", "Registry", "antigravity", ""])
def test_what_is_only_mentioned_in_the_source_is_no_name(name: str) -> None:
    assert not is_registered(name)
    assert name not in registered_names()
