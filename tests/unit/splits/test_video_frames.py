import numpy as np
import numpy.typing as npt
import pytest

from train_teacher.splits.video_frames import find_videos, natural_key, video_frame


def one_size(names: list[str]) -> npt.NDArray[np.float64]:
    return np.full((len(names), 2), 640.0)


def videos(names: list[str]) -> set[str | None]:
    return set(find_videos(names, one_size(names)).videos)


def test_cocos_own_names_are_no_video() -> None:
    names = [f"{number * 37 % 581929:012d}.jpg" for number in range(2000)]
    found = find_videos(names, one_size(names))
    assert set(found.videos) == {None}
    assert found.only_numbered is None


@pytest.mark.parametrize(
    "form", ["{:06d}.jpg", "IMG_{:04d}.jpg", "images/{:06d}.png", "raccoon-{}_jpg.rf.{}.jpg"]
)
def test_a_set_that_is_numbered_from_end_to_end_is_no_video(form: str) -> None:
    names = [form.format(number, number) for number in range(1, 200)]
    assert videos(names) == {None}


def test_a_numbered_set_is_pointed_out_because_it_could_be_a_video() -> None:
    names = [f"rec_{number:05d}.jpg" for number in range(200)]
    assert find_videos(names, one_size(names)).only_numbered == "rec_"


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("video1_{:06d}.jpg", "video1"),
        ("frame_{:06d}.jpg", "frame"),
        ("sharks_mp4-{}_jpg.rf.0a1b.jpg", "sharks_mp4"),
        ("cam3/2023_{:05d}.jpg", "cam3/2023"),
    ],
)
def test_words_of_film_make_a_video_of_few_frames(form: str, name: str) -> None:
    assert videos([form.format(number) for number in (1, 2, 5)]) == {name}


def test_several_stems_with_regular_numbers_are_videos() -> None:
    names = [
        f"{stem}_{number:05d}.jpg" for stem in ("north", "south") for number in range(0, 90, 3)
    ]
    assert videos(names) == {"north_", "south_"}


def test_folders_of_bare_numbers_are_videos_when_there_are_several() -> None:
    names = [f"{folder}/{number:06d}.jpg" for folder in ("a", "b") for number in range(30)]
    assert videos(names) == {"a/", "b/"}


def test_irregular_numbers_are_photos() -> None:
    chosen = np.random.default_rng(0).choice(9000, 60, replace=False).tolist()
    names = [f"{stem}_{number:05d}.jpg" for stem in ("north", "south") for number in chosen]
    assert videos(names) == {None}


@pytest.mark.parametrize("other", [320.0, np.nan])
def test_images_of_several_or_unknown_sizes_are_photos(other: float) -> None:
    names = [f"{stem}_{number:05d}.jpg" for stem in ("north", "south") for number in range(30)]
    sizes = one_size(names)
    sizes[::2] = other
    assert set(find_videos(names, sizes).videos) == {None}


def test_few_or_short_numbers_are_photos() -> None:
    assert videos([f"{s}_{n:05d}.jpg" for s in ("north", "south") for n in range(10)]) == {None}
    assert videos([f"{s}_{n:03d}.jpg" for s in ("north", "south") for n in range(90)]) == {None}


def test_frames_are_ordered_by_number() -> None:
    names = ["frame10.jpg", "frame9.jpg", "a.jpg", "1.jpg"]
    assert sorted(names, key=natural_key) == ["1.jpg", "a.jpg", "frame9.jpg", "frame10.jpg"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sharks_mp4-18_jpg.rf.1eaee0cf.jpg", ("sharks_mp4", 18)),
        ("clip_000123.jpg", ("clip", 123)),
        ("video7/000042.png", ("video7/", 42)),
        ("cam2_frame_0007.jpg", ("cam2_frame", 7)),
        ("MVI_20011__img00001.jpg", ("MVI_20011__img", 1)),
        ("000000000139.jpg", None),
        ("2007_000027.jpg", None),
        ("IMG_0123.jpg", None),
        ("raccoon-100_jpg.rf.aUJgn.jpg", None),
        ("ILSVRC2012_val_00000001.JPEG", None),
        ("screenshot_001.png", None),
        ("frame.jpg", None),
        ("scenery_001.jpg", None),
    ],
)
def test_only_names_that_speak_of_a_video_are_frames(
    name: str, expected: tuple[str, int] | None
) -> None:
    assert video_frame(name) == expected
