import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.domain.schedule import build_schedule, square_root_lr


@given(
    num_images=st.integers(1, 200_000),
    batch_size=st.integers(1, 64),
    epochs=st.none() | st.integers(1, 50),
)
def test_warm_up_and_decay_always_lie_inside_the_run(
    num_images: int, batch_size: int, epochs: int | None
) -> None:
    schedule = build_schedule(num_images, batch_size, epochs)
    assert 0 <= schedule.warmup_steps < schedule.steps
    assert all(0 < epoch < schedule.epochs for epoch in schedule.decay_epochs)
    assert 1 <= schedule.val_interval <= schedule.epochs
    assert schedule.steps == schedule.epochs * schedule.steps_per_epoch


def test_a_small_set_is_trained_for_steps_and_not_for_a_dozen_epochs() -> None:
    assert build_schedule(num_images=100, batch_size=4).steps == 400
    assert build_schedule(num_images=10_000, batch_size=4).epochs == 12


def test_wanted_steps_are_rounded_up_to_whole_epochs() -> None:
    schedule = build_schedule(num_images=100, batch_size=4, steps=60)
    assert schedule.epochs == 3


@pytest.mark.parametrize(("batch", "lr"), [(32, 1e-4), (8, 5e-5), (1, 2e-5), (512, 2e-4)])
def test_the_learning_rate_follows_the_square_root_of_the_batch(batch: int, lr: float) -> None:
    assert square_root_lr(batch) == pytest.approx(lr)


def test_a_given_learning_rate_wins() -> None:
    assert build_schedule(100, 4, lr=0.003).lr == 0.003
