"""The people whom figures are published of: who they are, and their pictures, to the byte."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import threadpoolctl

pytest.importorskip('anny')

from hand4whole_ros.synthetic import dataset, frozen_people, people  # noqa: E402

#: Seed -> the beginning of the SHA-256 of its picture, with OpenBLAS's kernels for AVX2, and for AVX-512. They multiply
#: matrices in orders of their own, and a picture hangs on the last bits of its vertices.
PICTURES = {
    1_000_000: ('1dbe25b884c024b8', '58571f7852eb9c3d'),
    1_000_001: ('bafd228893bf92fd', 'abe012217ff1ac71'),
    1_000_002: ('c5b33f2454329cc3', '33596e469cbf14d6'),
    1_000_003: ('3e236f3bd7934e93', 'aff7ae9e20c752c8'),
    1_000_004: ('bc5cd01941fe45ad', 'ac8123aa16c3bb14'),
    1_000_005: ('35dea0051fc144fb', 'a4fc6028894dcb35'),
    1_000_006: ('08f6a622bb924afe', 'e033e1aba7bee724'),
    1_000_007: ('f783122c8f8a005f', '71d9321eb6bccb83'),
    1_000_008: ('677bcea0f5db22d7', '52fb3382510ae081'),
    1_000_009: ('c61be5bbb05cd9d8', '893b858374a68119'),
    7_000_000: ('efc74da1564cfacb', 'a79fd424d0cb1f14'),
    7_000_001: ('a556e9cf8f0df6b9', '32319c02ac53824a'),
    9_000_000: ('6746d868cdfd6cf9', 'fddda8c1d8f853d6'),
    3: ('587ad91154449af5', '9453c2324243525a'),
    3_000_000: ('f70c5ddf9166139c', 'aaf14e795f0121ad'),
    4_000_000: ('393524f3835e3dbf', '62c5ad3e7becd692')}
KERNELS = {'Haswell': 0, 'Zen': 0, 'SkylakeX': 1, 'Cooperlake': 1, 'SapphireRapids': 1}

#: Of all arrays of the file.
PARAMETERS = '577bf2e0b6fbac432ef8d5c5b9421f3aec663361bbc28e32dbfa4733c0451be5'


@pytest.fixture(scope='module')
def kernel():
    found = [library.get('architecture') for library in threadpoolctl.threadpool_info()
             if library['user_api'] == 'blas' and 'numpy' in library['filepath']]
    if not found or found[0] not in KERNELS:
        pytest.skip(f'the bytes are not known of pictures drawn with {found or "this BLAS"}')
    return KERNELS[found[0]]


@pytest.mark.parametrize('seed', PICTURES)
def test_pictures_of_frozen_people_are_what_they_were_to_the_byte(kernel, seed):
    image, _ = people.render_person(people.sample_person(seed))
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == PICTURES[seed][kernel]


def test_nobody_of_the_file_has_changed():
    with np.load(frozen_people.PATH) as stored:
        digest = hashlib.sha256()
        for name in sorted(stored.files):
            if name != 'frame':
                digest.update(np.ascontiguousarray(stored[name]).tobytes())
        digest.update(' '.join(stored['frame'].tolist()).encode())
    assert digest.hexdigest() == PARAMETERS


def test_all_people_of_published_figures_are_in_the_file():
    wanted = {dataset.person_seed(seed, k) for seed, count in ((1, 60), (7, 200), (9, 240)) for k in range(count)}
    assert wanted <= set(frozen_people.seeds())


def test_a_frozen_person_can_be_written_and_read_again(tmp_path, monkeypatch):
    made = people.sample_scene(123_000_000, people.EVALUATION)
    assert frozen_people.read(made.seed) is None
    frozen_people.write(tmp_path / 'people.npz', [made])
    monkeypatch.setattr(frozen_people, 'PATH', tmp_path / 'people.npz')
    frozen_people.load.cache_clear()
    try:
        read = frozen_people.read(made.seed)
        assert frozen_people.seeds() == [made.seed]
    finally:
        frozen_people.load.cache_clear()
    assert read is not None and read.appearance == made.appearance
    assert (read.frame, read.intrinsics) == (made.frame, made.intrinsics)
    assert np.allclose(read.joints, made.joints, atol=1e-12) and read.phenotype == made.phenotype
    with pytest.raises(ValueError, match='appearance'):
        frozen_people.write(tmp_path / 'other.npz', [replace(made, appearance=None)])


@pytest.mark.parametrize('seed', [123_000_001, 123_000_002])
def test_who_is_not_in_the_file_is_made_like_those(seed):
    assert seed not in frozen_people.seeds()
    (image, truth), (again, _) = (people.render_person(people.sample_person(seed)) for _ in range(2))
    assert image.shape == (720, 720, 3) and np.array_equal(image, again) and truth.intrinsics.fx == 936
    assert truth.hand_visibility.min() >= people.MIN_HAND_VISIBILITY
    assert (truth.hand_keypoints_2d > 8).all() and (truth.hand_keypoints_2d < 711).all()
