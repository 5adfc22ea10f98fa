import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.config.schedule import build_schedule, square_root_lr


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
    assert schedule.steps == schedule.epochs * schedule.iterations_per_epoch
    assert schedule.validations <= 20


def test_a_small_set_is_trained_for_steps_and_not_for_a_dozen_epochs() -> None:
    assert build_schedule(num_images=100, batch_size=4).steps == 400
    assert build_schedule(num_images=5, batch_size=4, accumulation=2).steps == 400
    assert build_schedule(num_images=10_000, batch_size=4).epochs == 12


def test_rare_validations_do_not_make_checkpoints_rare() -> None:
    assert build_schedule(100, 4, epochs=10, val_interval=10).checkpoint_interval == 1
    assert build_schedule(100, 4, epochs=67).checkpoint_interval == 4


def test_wanted_steps_are_rounded_up_to_whole_epochs() -> None:
    schedule = build_schedule(num_images=100, batch_size=4, steps=60)
    assert schedule.epochs == 3


@pytest.mark.parametrize(("batch", "lr"), [(32, 1e-4), (8, 5e-5), (1, 2e-5), (512, 2e-4)])
def test_the_learning_rate_follows_the_square_root_of_the_batch(batch: int, lr: float) -> None:
    assert square_root_lr(batch) == pytest.approx(lr)


@pytest.mark.parametrize(("images", "epochs", "interval"), [(14, 3, 1), (100, 2, 5), (100, 20, 10)])
def test_curves_of_a_short_run_have_points_enough_to_show_it(
    images: int, epochs: int, interval: int
) -> None:
    schedule = build_schedule(images, 1, epochs)
    assert schedule.log_interval == interval


@given(images=st.integers(1, 500), epochs=st.integers(1, 50), accumulation=st.integers(1, 4))
def test_a_run_of_twenty_batches_is_logged_twenty_times(
    images: int, epochs: int, accumulation: int
) -> None:
    schedule = build_schedule(images, 1, epochs, accumulation=accumulation)
    points = epochs * max(1, images // schedule.log_interval)
    assert points >= min(20, schedule.iterations)
    if schedule.warmup_steps:
        assert schedule.warmup_iterations // schedule.log_interval >= 2


def test_a_given_learning_rate_wins() -> None:
    assert build_schedule(100, 4, lr=0.003).lr == 0.003
