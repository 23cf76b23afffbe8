"""Small data sets in their published formats, written by what their descriptions say, of bodies that are nobody's."""

import json
import pickle
import sys
import types

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.datasets.annotated_bodies import RigidTransform

STILL = RigidTransform(np.eye(3), np.zeros(3))


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, default=lambda array: np.asarray(array).tolist()))


def write_picture(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def write_ply(path, vertices, text=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    form = 'ascii' if text else 'binary_little_endian'
    header = (f'ply\nformat {form} 1.0\ncomment a mesh\nelement vertex {len(vertices)}\nproperty float x\n'
              f'property float y\nproperty float z\nproperty uchar red\nelement face 1\n'
              f'property list uchar int vertex_indices\nend_header\n')
    if text:
        rows = ''.join(f'{x:.6f} {y:.6f} {z:.6f} 7\n' for x, y, z in vertices)
        path.write_text(header + rows + '3 0 1 2\n')
        return
    table = np.zeros(len(vertices), [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('red', 'u1')])
    for k, axis in enumerate('xyz'):
        table[axis] = vertices[:, k]
    path.write_bytes(header.encode() + table.tobytes() + b'\x03' + np.arange(3, dtype='<i4').tobytes())


def random_pose(rng, joints=skeleton.NUM_JOINTS):
    return rng.normal(0, 0.25, (joints, 3))


def random_mano(rng):
    """pose (48,), shape (10,), trans (3,) as the hand sets have them."""
    return {'pose': rng.normal(0, 0.3, 48), 'shape': rng.normal(0, 0.5, 10), 'trans': rng.normal(0, 0.05, 3)}


# -- pandas, where it is not installed ---------------------------------------------------------------------------------

class _Pandas:
    """What pandas' own pickles name, for as long as something is being written."""

    def __init__(self):
        self.modules, self.made = {}, {}
        for path in ('pandas.core.frame.DataFrame', 'pandas.core.internals.managers.BlockManager',
                     'pandas.core.indexes.base.Index', 'pandas.core.indexes.range.RangeIndex'):
            self._put(path, type(path.rpartition('.')[2], (), {'__module__': path.rpartition('.')[0]}))
        for path in ('pandas._libs.internals._unpickle_block', 'pandas.core.indexes.base._new_Index'):
            def stub(*arguments):
                raise AssertionError('only its name is written')
            stub.__module__, _, stub.__qualname__ = path.rpartition('.')
            stub.__name__ = stub.__qualname__
            self._put(path, stub)

    def _put(self, path, what):
        module, _, name = path.rpartition('.')
        parts = module.split('.')
        for k in range(len(parts)):
            self.modules.setdefault('.'.join(parts[:k + 1]), types.ModuleType('.'.join(parts[:k + 1])))
        setattr(self.modules[module], name, what)
        self.made[name] = what

    def dumps(self, value, protocol):
        before = {name: sys.modules.get(name) for name in self.modules}
        sys.modules.update(self.modules)
        try:
            return pickle.dumps(value, protocol)
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module


class _Made:
    """Pickled as a call of a function, or of a class, with a state."""

    def __init__(self, function, arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


def write_frame(path, columns, new=True, protocol=4):
    """A pickled pandas.DataFrame: column -> list. new: as since pandas 1.3; else as before."""
    pandas, count = _Pandas(), len(next(iter(columns.values())))
    blocks = []
    for k, values in enumerate(columns.values()):
        block = np.array([values]) if isinstance(values[0], float) else np.empty((1, count), object)
        if block.dtype == object:
            for j, value in enumerate(values):
                block[0, j] = value
        blocks.append((block, slice(k, k + 1, 1) if new else np.array([k])))
    names = np.empty(len(columns), object)
    names[:] = list(columns)
    make_index, index = pandas.made['_new_Index'], pandas.made['Index']
    axes = [_Made(make_index, (index, {'data': names, 'name': None})),
            _Made(make_index, (pandas.made['RangeIndex'], {'name': None, 'start': 0, 'stop': count, 'step': 1}))]
    manager = pandas.made['BlockManager']
    if new:
        blocks = tuple(_Made(pandas.made['_unpickle_block'], (*block, 2)) for block in blocks)
        manager = _Made(manager, (blocks, axes))
    else:
        kept = {'axes': axes, 'blocks': [{'values': values, 'mgr_locs': where} for values, where in blocks]}
        state = axes, [values for values, _ in blocks], [], {'0.14.1': kept}
        manager.__getstate__ = lambda self: state
        manager = manager()
    frame = pandas.made['DataFrame']()
    frame.__dict__.update({'_mgr' if new else '_data': manager, '_typ': 'dataframe', '_metadata': [], 'attrs': {}})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pandas.dumps(frame, protocol))


# -- the data sets -----------------------------------------------------------------------------------------------------

def posed_body(bodies, rng, gender='neutral'):
    """Parameters as SMPL-X takes them and the posed body, in the model's own frame."""
    parts = {'local': random_pose(rng), 'betas': rng.normal(0, 1, 10), 'expression': rng.normal(0, 1, 10),
             'transl': rng.normal(0, 0.3, 3)}
    body = bodies.body(parts['local'], parts['betas'], parts['expression'], parts['transl'], motion=STILL,
                       gender=gender)
    return parts, body


def write_ehf(root, bodies, rng):
    """Two pictures; gives the meshes in the camera's frame."""
    turn = cv2.Rodrigues(np.array([-2.98747896, 0.01172457, -0.05704687]))[0]
    seen = []
    for k in (1, 2):
        _, body = posed_body(bodies, rng)
        write_ply(root / f'0{k}_align.ply', body.vertices, text=k == 2)
        write_picture(root / f'0{k}_img.{"png" if k == 1 else "jpg"}', 1600, 1200)
        seen.append(body.vertices @ turn.T + (-0.03609917, 0.43416458, 2.37101226))
    return seen


def write_freihand(root, rng, count=3):
    camera = [[480.0, 0, 112], [0, 481.0, 113], [0, 0, 1]]
    truth = {'K': [camera] * count, 'xyz': rng.normal(0, 0.1, (count, 21, 3)) + (0, 0, 0.7),
             'verts': rng.normal(0, 0.1, (count, 778, 3)) + (0, 0, 0.7)}
    for part, rows in truth.items():
        write_json(root / f'evaluation_{part}.json', rows)
    for k in range(count):
        write_picture(root / f'evaluation/rgb/{k:08d}.jpg', 224, 224)
    return truth


def write_hic(root, rng):
    """A pair of hands and a single one; gives the meshes in the pictures' order."""
    meshes = [{side: rng.normal(0, 0.05, (778, 3)) + (0, 0, 0.8) for side in sides}
              for sides in (('left', 'right'), ('right',))]
    images, annotations = [], []
    for k, hands in enumerate(meshes):
        images.append({'id': 10 + k, 'file_name': f'seq/rgb/{k}.png', 'width': 64, 'height': 48})
        write_picture(root / images[-1]['file_name'], 64, 48)
        paths = {f'{side}_mano_path': f'seq/{k}_{side}.ply' if side in hands else None for side in skeleton.SIDES}
        for side, vertices in hands.items():
            write_ply(root / paths[f'{side}_mano_path'], vertices)
        annotations.append({'id': k, 'image_id': 10 + k, 'hand_type': 'interacting' if k == 0 else 'right', **paths})
    write_json(root / 'HIC.json', {'images': images, 'annotations': annotations})
    return meshes


def random_camera(rng):
    """R, position and translation in mm of a camera that looks at the origin from half a metre or so."""
    turn = Rotation.from_rotvec(rng.normal(0, 0.8, 3)).as_matrix()
    translation = np.array([20.0, -30.0, 700.0])
    return turn, -turn.T @ translation, translation


def write_interhand(root, rng, split='test'):
    """Three frames of one camera: both hands, both hands, one hand. Gives camera and fits."""
    turn, position, translation = random_camera(rng)
    fits = {str(k): {side: random_mano(rng) if k < 7 or side == 'left' else None for side in skeleton.SIDES}
            for k in (5, 6, 7)}
    folder, name = root / 'annotations' / split, f'InterHand2.6M_{split}'
    write_json(folder / f'{name}_MANO_NeuralAnnot.json', {'0': fits})
    write_json(folder / f'{name}_camera.json', {'0': {
        'campos': {'cam1': position}, 'camrot': {'cam1': turn}, 'focal': {'cam1': [500, 510]},
        'princpt': {'cam1': [31, 22]}}})
    images, annotations = [], []
    for k in (5, 6, 7):
        images.append({'id': k, 'file_name': f'Capture0/x/cam1/image{k}.jpg', 'width': 64, 'height': 48, 'capture': 0,
                       'camera': 'cam1', 'frame_idx': k, 'subject': 0, 'seq_name': 'x'})
        write_picture(root / 'images' / split / images[-1]['file_name'], 64, 48)
        annotations.append({'id': 100 + k, 'image_id': k, 'bbox': [0, 0, 9, 9], 'joint_valid': [1] * 42,
                            'hand_type': 'interacting' if k < 7 else 'left'})
    write_json(folder / f'{name}_data.json', {'images': images, 'annotations': annotations})
    return turn, translation / 1000, fits


def write_reinterhand(root, rng, capture):
    turn, _, translation = random_camera(rng)
    write_json(root / capture / 'Mugsy_cameras/cam_params.json', {
        '400': {'R': turn, 't': translation, 'focal': [500, 510], 'princpt': [31, 22]},
        '401': {'R': turn, 't': translation, 'focal': [500, 510], 'princpt': [31, 22]}})
    fits = {}
    for frame in (12, 34):
        write_picture(root / capture / f'Mugsy_cameras/envmap_per_frame/images/400/{frame:06d}.png', 64, 48)
        fits[frame] = {side: random_mano(rng) for side in skeleton.SIDES}
        for side, fit in fits[frame].items():
            write_json(root / capture / f'mano_fits/params/{frame}_{side}.json', fit)
    return turn, translation / 1000, fits


def write_arctic(root, bodies, rng):
    """One sequence of 21 frames that begins at picture 3, seen by camera 1 and by that on the head, which looks aside
    in picture 20."""
    parts = {name: rng.normal(0, 0.2, (21, 3 * (rows.stop - rows.start)))
             for name, rows in skeleton.POSE_SLICES.items()}
    parts['transl'] = rng.normal(0, 0.1, (21, 3))
    layer = bodies.smplx('male')
    betas = rng.normal(0, 1, 10)
    template = layer.v_template.double().numpy() + layer.shapedirs[..., :10].double().numpy() @ betas
    (root / 'meta/subject_vtemplates').mkdir(parents=True)
    (root / 'meta/subject_vtemplates/s05.obj').write_text(
        'mtllib x\n' + ''.join(f'v {x:.7f} {y:.7f} {z:.7f}\n' for x, y, z in template) + 'vt 0 0\nf 1/1 2/1 3/1\n')
    turn = Rotation.from_rotvec([np.pi - 0.1, 0, 0.1]).as_matrix()
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = turn, (0.1, 0, 2.5)
    places = np.tile([[0.1], [0.0], [2.5]], (21, 1, 1))
    places[17, 0] = 9
    head = {'R_k_cam_np': np.stack([turn] * 21), 'T_k_cam_np': places,
            'intrinsics': np.array([[60.0, 0, 40], [0, 60, 30], [0, 0, 1]]), 'dist8': np.linspace(0.01, 0.05, 8),
            'ego_markers.label': ['a', 'b'], 'ego_markers.ref': np.zeros((2, 3))}
    (root / 'raw_seqs/s05').mkdir(parents=True)
    np.save(root / 'raw_seqs/s05/box_use_01.smplx.npy', parts, allow_pickle=True)
    np.save(root / 'raw_seqs/s05/box_use_01.egocam.dist.npy', head, allow_pickle=True)
    matrix = [[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]
    write_json(root / 'meta/misc.json', {'s05': {
        'gender': 'male', 'ioi_offset': 3, 'image_size': [[80, 60]] + [[320, 240]] * 8,
        'world2cam': [world] * 8, 'intris_mat': [matrix] * 8}})
    write_json(root / 'splits_json/protocol_p1.json', {'train': ['s01/box_grab_01'], 'val': ['s05/box_use_01']})
    for camera in (0, 1):
        for frame in (0, 10, 20, 21, 30):
            write_picture(root / f'images/s05/box_use_01/{camera}/{frame:05d}.jpg', 80 if camera == 0 else 160,
                          60 if camera == 0 else 120)
    return parts, template, betas, (turn, world[:3, 3]), matrix


def agora_points(points, name, person, row):
    """Points of a fit's frame in the camera's, worked out as AGORA's description does."""
    def unreal(x, y, z):
        return np.array([y, -z, x]) / 100

    def rotation(axis, degrees):
        return cv2.Rodrigues(np.radians(degrees) * np.array(axis, float))[0]

    hdri = 'hdri' in name
    camera = unreal(0, 0, 170) if hdri else unreal(row['camX'], row['camY'], row['camZ']) + (0, -1.7, 0)
    world = rotation((0, 1, 0), person['Yaw'] - 90) @ (points * (1, -1, -1)).T
    world = world.T + unreal(person['X'], person['Y'], person['Z'])
    return (rotation((0, 1, 0), 0 if hdri else -row['camYaw']) @ (world - camera).T).T


def write_agora(root, bodies, rng, with_points):
    """Two pictures with a man and a woman each, the woman of the second not valid; gives the meshes they show."""
    names = ('ag_validationset_hdri_50mm_00000.png', 'ag_validationset_brushify_01111.png')
    columns = {key: [] for key in ('imgPath', 'camX', 'camY', 'camZ', 'camYaw', 'X', 'Y', 'Z', 'Yaw', 'gender', 'kid',
                                   'isValid', 'gt_path_smplx', 'gt_joints_3d', 'gt_verts')}
    seen = {}
    for name in names:
        row = {'camX': 120.0, 'camY': -40.0, 'camZ': 30.0, 'camYaw': 25.0}
        people = [{'X': 500.0, 'Y': 30.0 * side, 'Z': 160.0, 'Yaw': 10.0 * side} for side in (-1, 2)]
        if 'hdri' not in name:
            people = [{**person, 'X': 620.0} for person in people]
        for key, value in row.items():
            columns[key].append(value)
        columns['imgPath'].append(name)
        for key in ('X', 'Y', 'Z', 'Yaw'):
            columns[key].append(np.array([person[key] for person in people]))
        columns['gender'].append(['male', 'female'])
        columns['kid'].append([False, False])
        columns['isValid'].append(np.array([True, 'hdri' in name]))
        columns['gt_path_smplx'].append([f'smplx_gt/scan/{len(seen) + k}.obj' for k in range(2)])
        points, meshes = [], []
        for k, person in enumerate(people):
            parts, body = posed_body(bodies, rng, columns['gender'][-1][k])
            write_smplx_fit((root / columns['gt_path_smplx'][-1][k]).with_suffix('.pkl'), parts, bodies)
            layer_points = _smplx_points(bodies, parts, columns['gender'][-1][k])
            points.append(agora_points(layer_points, name, person, row))
            meshes.append(agora_points(body.vertices, name, person, row))
            seen[f'{name[:-4]}/{k}'] = meshes[-1], points[-1], parts
        columns['gt_joints_3d'].append(points)
        columns['gt_verts'].append(meshes)
    if not with_points:
        del columns['gt_joints_3d'], columns['gt_verts']
    write_frame(root / ('SMPLX/validation_0_withjv.pkl' if with_points else 'Cam/validation_0.pkl'), columns,
                new=with_points)
    write_picture(root / f'images/{names[0]}', 384, 216)
    write_picture(root / f'images/{names[1][:-4]}_1280x720.png', 128, 72)
    return seen


def write_smplx_fit(path, parts, bodies):
    local = parts['local'].copy()
    for side, mean in bodies.hand_means().items():
        local[skeleton.HAND_SLICE[side]] -= mean
    fit = {name: local[rows].reshape(1, -1).astype(np.float32) for name, rows in skeleton.POSE_SLICES.items()}
    fit.update({name: parts[name][None].astype(np.float32) for name in ('betas', 'expression', 'transl')}, gender='x')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(fit, 4))


def _smplx_points(bodies, parts, gender):
    """(127, 3) as the smplx library gives them."""
    def row(values):
        return torch.tensor(values, dtype=torch.float32).reshape(1, -1)
    given = {name: row(parts['local'][rows]) for name, rows in skeleton.POSE_SLICES.items()}
    given.update({name: row(parts[name]) for name in ('betas', 'expression', 'transl')})
    return bodies.smplx(gender)(**given).joints[0, :127].double().numpy()
