from __future__ import annotations

import math

import torch
from host_reads import HostReads

from train_teacher.mmdet_plugin.checkpoints.spoiled import spoiled


def test_a_spoiled_tensor_is_found_with_one_read_and_huge_numbers_are_good() -> None:
    tensors = {
        "huge": torch.full((3,), 1e30),
        "half": torch.ones(2, dtype=torch.float16),
        "whole": torch.arange(3),
        "empty": torch.zeros(0),
    }
    assert spoiled(tensors) is None
    assert spoiled({"whole": torch.arange(3)}) is None
    for value in (math.nan, -math.inf):
        with HostReads() as reads:
            assert spoiled({**tensors, "bad": torch.tensor([[1.0, value]])}) == "bad"
        assert reads.total == 1
