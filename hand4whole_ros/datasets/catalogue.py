"""Description, source and annotations of each data set: the one table.

Only the standard library is imported, so that the command line can load it at once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetInfo:
    """One data set. Texts are for display; docs/benchmarks/evaluation.md repeats them with the layout of the files."""

    name: str                   # on the command line
    title: str
    paper: str
    page: str                   # where to register or download
    instructions: str                    # steps to take there
    licence: str
    splits: tuple[str, ...]     # the default for evaluation comes first
    whole_body: bool            # False: hands alone
    needs: str                  # licensed body models that its truth requires
    trains: bool                # CHAM was trained on it


_MANO = 'MANO_RIGHT and MANO_LEFT'

DATASETS = (
    DatasetInfo('agora', 'AGORA', 'Patel et al., CVPR 2021', 'https://agora.is.tue.mpg.de/',
                'register, download images and camera data frames: with SMPL-X joints and vertices to measure on the '
                'validation set, without them and the SMPL-X fits (smplx_gt) to train',
                'non-commercial research', ('validation', 'train'), True,
                'SMPLX_NEUTRAL; to train SMPLX_MALE and SMPLX_FEMALE', True),
    DatasetInfo('arctic', 'ARCTIC', 'Fan et al., CVPR 2023', 'https://arctic.is.tue.mpg.de/',
                'register, download images, meta, raw_seqs and splits_json with the scripts it names',
                'non-commercial research', ('val', 'train'), True, 'SMPLX_NEUTRAL, SMPLX_MALE and SMPLX_FEMALE', True),
    DatasetInfo('ehf', 'EHF', 'Pavlakos et al., CVPR 2019', 'https://smpl-x.is.tue.mpg.de/',
                'register, download the EHF data set', 'non-commercial research', ('test',), True,
                'SMPLX_NEUTRAL', False),
    DatasetInfo('interhand', 'InterHand2.6M', 'Moon et al., ECCV 2020', 'https://mks0601.github.io/InterHand2.6M/',
                'download the images of 5 frames a second and the annotations, no registration',
                'CC BY-NC 4.0', ('test', 'train', 'val'), False, _MANO, True),
    DatasetInfo('reinterhand', 'Re:InterHand', 'Moon et al., NeurIPS 2023', 'https://mks0601.github.io/ReInterHand/',
                'download captures with Mugsy cameras, no registration', 'CC BY-NC 4.0', ('test', 'train'), False,
                _MANO, True),
    DatasetInfo('hic', 'HIC (Hands in Action)', 'Tzionas et al., IJCV 2016',
                'https://files.is.tue.mpg.de/dtzionas/Hand-Object-Capture/',
                'download the RGB pictures and the MANO meshes, and HIC.json, which the authors of InterWild and '
                'Hand4Whole++ publish with their code', 'non-commercial research', ('test',), False,
                _MANO, False),
    DatasetInfo('freihand', 'FreiHAND', 'Zimmermann et al., ICCV 2019',
                'https://lmb.informatik.uni-freiburg.de/projects/freihand/',
                'download FreiHAND_pub_v2 and FreiHAND_pub_v2_eval, no registration', 'research only, non-commercial',
                ('evaluation', 'training'), False, 'none', False))

NAMES = tuple(info.name for info in DATASETS)

#: Those in the training data of the paper's CHAM.
TRAINING_DATASETS = tuple(info.name for info in DATASETS if info.trains)


def dataset_info(name: str) -> DatasetInfo:
    """The data set of that name. Raises ValueError for another name."""
    for info in DATASETS:
        if info.name == name:
            return info
    raise ValueError(f'{name}: not a data set this package reads; known are {", ".join(NAMES)}')
