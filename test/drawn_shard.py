"""A shard of drawn people to learn from, made by the test's own process."""

from pathlib import Path

from hand4whole_ros.training import drawn_people


def draw_shard(folder: Path, seed: int, count: int) -> None:
    """Shard 0 of source `seed`, with `count` people drawn, of whom nearly all are found."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn_people._initialize_worker()
    shard, drawn_people.SHARD_SIZE = drawn_people.SHARD_SIZE, count
    try:
        drawn_people._make_shard((folder / f'people_{seed}_00000.npz', seed, 0))
    finally:
        drawn_people.SHARD_SIZE = shard
        drawn_people._landmark_pipeline.close()
