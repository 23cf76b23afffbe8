"""The one table of published files: purpose, source and licence of each."""

from __future__ import annotations

from dataclasses import dataclass

#: Purposes of files: to run the estimator of that name, to train CHAM from its authors' initial weights, or to
#: compute the truth of data sets.
ESTIMATOR, TRAINING, DATASETS = 'hand4whole_pp', 'training', 'datasets'
POSE2POSE_ESTIMATOR, WILOR_ESTIMATOR, UNIHOPE_ESTIMATOR = 'hand4whole', 'wilor', 'unihope'


@dataclass(frozen=True)
class PublishedFile:
    """One file that its authors publish, under any of its file names."""

    #: Its name on the command line: its file name; without suffix where it exists as .npz and as .pkl.
    name: str
    purpose: str
    #: The page it is published on, and the steps to take there.
    page: str
    instructions: str
    licence: str
    #: Rounded, as in listings of the file; 'unknown' where none was found.
    size: str
    #: Its purposes, see above; it is described under the first.
    uses: tuple[str, ...]
    #: File names, the preferred one first.
    file_names: tuple[str, ...]
    #: Where it can be downloaded without a login; None if it needs a browser.
    address: str | None = None
    #: SHA-256 that the publisher's page states, where it states one.
    sha256: str | None = None


_SMPLX_LICENCE = 'SMPL-X model licence: non-commercial scientific research'


def _body_model_file(name, purpose, *uses, page, how, licence, size):
    return PublishedFile(name, purpose, page, how, licence, size, uses or (ESTIMATOR,), (f'{name}.npz', f'{name}.pkl'))


def _smplx_file(name, whose, *uses):
    return _body_model_file(
        name, f'SMPL-X: the body model{whose}', *uses, page='https://smpl-x.is.tue.mpg.de/',
        how=f'register, download SMPL-X v1.1 (models_smplx_v1_1.zip), take {name}.npz from the folder models/smplx',
        licence=_SMPLX_LICENCE, size='109 MB')


def _mano_file(name, purpose, *uses):
    return _body_model_file(
        name, purpose, *uses, page='https://mano.is.tue.mpg.de/',
        how='register, download "Models & Code" (mano_v1_2.zip), take it from the folder models',
        licence='MANO licence: non-commercial scientific research', size='3.82 MB')


SNAPSHOT = PublishedFile(
    'snapshot_6.pth', 'Hand4Whole++: the body expert, CHAM and the face',
    'https://drive.google.com/drive/folders/1sDWjihPLcjJNTzQbGUedJ3zaK0AyalBt', 'download snapshot_6.pth in a browser',
    'MIT for the code, none stated for the weights; they contain those of SMPLer-X (non-commercial)', 'unknown',
    (ESTIMATOR,), ('snapshot_6.pth',))

_WILOR_ADDRESS = 'https://huggingface.co/spaces/rolpotamias/WiLoR/resolve/main/pretrained_models/'

WILOR = PublishedFile(
    'wilor_final.ckpt', 'WiLoR: the hand expert',
    'https://huggingface.co/spaces/rolpotamias/WiLoR/tree/main/pretrained_models', 'fetched without a login',
    'CC BY-NC-ND: non-commercial, no derivatives', '2.56 GB',
    (ESTIMATOR, WILOR_ESTIMATOR), ('wilor_final.ckpt',),
    _WILOR_ADDRESS + 'wilor_final.ckpt',
    '3e97aafc7dd08d883a4cc5a027df61fdb6fda6136dbd1319405413862ada6bb2')

WILOR_DETECTOR = PublishedFile(
    'detector.pt', "WiLoR's hand detector", WILOR.page, 'fetched without a login',
    'CC BY-NC-ND: non-commercial, no derivatives; its makers used ultralytics, which is AGPL-3.0', 'unknown',
    (WILOR_ESTIMATOR,), ('detector.pt',), _WILOR_ADDRESS + 'detector.pt')

SMPLX = _smplx_file('SMPLX_NEUTRAL', '', ESTIMATOR, POSE2POSE_ESTIMATOR)
MANO_RIGHT = _mano_file('MANO_RIGHT', 'MANO: the right hand', ESTIMATOR, WILOR_ESTIMATOR, UNIHOPE_ESTIMATOR)
MANO_LEFT = _mano_file('MANO_LEFT', 'MANO: the left hand')
VERTEX_IDS = _body_model_file(
    'MANO_SMPLX_vertex_ids', 'which vertices of SMPL-X are those of MANO', page='https://smpl-x.is.tue.mpg.de/',
    how='register, download the MANO and FLAME vertex indices (smplx_mano_flame_correspondences.zip)',
    licence=_SMPLX_LICENCE, size='13.5 kB')

SMPLER_X = PublishedFile(
    'smpler_x_l32.pth.tar', 'SMPLer-X-L32: the body expert that CHAM is trained on',
    'https://huggingface.co/caizhongang/SMPLer-X', 'fetched without a login',
    'S-Lab License 1.0: non-commercial', '3.92 GB', (TRAINING,), ('smpler_x_l32.pth.tar',),
    'https://huggingface.co/caizhongang/SMPLer-X/resolve/main/smpler_x_l32.pth.tar')

HAND4WHOLE = PublishedFile(
    'snapshot_6.pth.tar', 'Hand4Whole (not the snapshot_6.pth above); CHAM is trained with its face',
    'https://drive.google.com/file/d/1r0LfI_ATI8NmhOj4y8eqLlEDdNQj5SCV/view',
    'download it in a browser; call it snapshot_6.pth.tar',
    'MIT for the code, none stated for the weights', 'unknown', (POSE2POSE_ESTIMATOR, TRAINING),
    ('snapshot_6.pth.tar',))

UNIHOPE = PublishedFile(
    'unihope_dexycb.pth', 'UniHOPE, trained on DexYCB: a hand and the object in it',
    'https://github.com/JoyboyWang/UniHOPE_Pytorch',
    'download a DexYCB checkpoint that is linked there (S3 is the one of the paper); call it unihope_dexycb.pth',
    'none stated, neither for the code nor for the weights', 'unknown', (UNIHOPE_ESTIMATOR,), ('unihope_dexycb.pth',))

SMPLX_MALE = _smplx_file('SMPLX_MALE', ' of men, in which AGORA and ARCTIC are fitted', DATASETS)
SMPLX_FEMALE = _smplx_file('SMPLX_FEMALE', ' of women, in which AGORA and ARCTIC are fitted', DATASETS)
FACE_VERTEX_IDS = PublishedFile(
    'SMPL-X__FLAME_vertex_ids.npy', 'which vertices of SMPL-X are the head: errors of faces',
    'https://smpl-x.is.tue.mpg.de/',
    'register, download the MANO and FLAME vertex indices (smplx_mano_flame_correspondences.zip)', _SMPLX_LICENCE,
    '40 kB', (DATASETS,), ('SMPL-X__FLAME_vertex_ids.npy',))

#: All of them, in display order.
FILES = (SNAPSHOT, WILOR, SMPLX, MANO_RIGHT, MANO_LEFT, VERTEX_IDS, WILOR_DETECTOR, SMPLER_X, HAND4WHOLE, UNIHOPE,
         SMPLX_MALE, SMPLX_FEMALE, FACE_VERTEX_IDS)

#: The body model files, in the order PublishedBody.load takes them.
BODY_FILES = (SMPLX, MANO_RIGHT, MANO_LEFT, VERTEX_IDS)


def published_file(name: str) -> PublishedFile:
    """The file of that name or file name. Raises ValueError for a name that is not in the table."""
    for file in FILES:
        if name == file.name or name in file.file_names:
            return file
    raise ValueError(f'{name}: not a published file this package uses; known are '
                     f'{", ".join(file.name for file in FILES)}')
