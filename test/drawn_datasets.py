"""Drawn people in the formats of published data sets: AGORA's of whole bodies, InterHand2.6M's of hands.

As a program, one epoch of full-size CHAM on them, with random weights, and what it takes:

    python test/drawn_datasets.py --people 100 --output epoch
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from dataset_files import STILL, write_frame, write_json, write_smplx_fit
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.datasets.agora_camera import fit_to_camera, scene_camera
from hand4whole_ros.datasets.annotated_bodies import GroundTruthBodies
from hand4whole_ros.synthetic.drawing import draw_scene
from hand4whole_ros.synthetic.people import sample_scene

#: AGORA's small pictures.
WIDTH, HEIGHT = 1280, 720


def draw_people(count: int, seed: int = 300):
    """[(image, PersonTruth)] of people whose both hands are in the picture."""
    found, number = [], seed
    while len(found) < count:
        image, truth = draw_scene(sample_scene(number))
        if (truth.hand_visibility > 0.3).all():
            found.append((image, truth))
        number += 1
    return found


def write_drawn_agora(root: Path, bodies: GroundTruthBodies, people) -> None:
    """One picture a person, taken by AGORA's camera of the widest lens, with the fit that poses SMPL-X so."""
    columns = {key: [] for key in ('imgPath', 'camX', 'camY', 'camZ', 'camYaw', 'X', 'Y', 'Z', 'Yaw', 'gender', 'kid',
                                   'isValid', 'gt_path_smplx')}
    for k, (image, truth) in enumerate(people):
        name = f'ag_trainset_drawn_cam00_{k:05d}'
        row = dict.fromkeys(('camX', 'camY', 'camZ', 'camYaw'), 0.0)
        camera, motion = scene_camera(name, row)
        full = fit_to_camera(motion, (0.0, 0.0, 0.0), 0.0)
        scale = WIDTH / camera.width
        zoom = camera.fx * scale / truth.intrinsics.fx
        shift = np.array([WIDTH, HEIGHT]) / 2 - zoom * np.array([truth.intrinsics.cx, truth.intrinsics.cy])
        affine = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        picture = cv2.warpAffine(image, affine, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
        path = root / 'images' / f'{name}_1280x720.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture[:, :, ::-1])
        local = Rotation.from_matrix(truth.local_rotations).as_rotvec()
        local[0] = Rotation.from_matrix(full.rotation.T @ truth.local_rotations[0]).as_rotvec()
        betas = np.zeros(10) if truth.betas is None else np.asarray(truth.betas, float)
        parts = {'local': local, 'betas': betas, 'expression': np.zeros(10), 'transl': np.zeros(3)}
        pelvis = bodies.body(local, betas, None, parts['transl'], motion=full).joints[0]
        parts['transl'] = full.rotation.T @ (truth.joints[0] - pelvis)
        fit = f'smplx_gt/drawn/{k}.obj'
        write_smplx_fit((root / fit).with_suffix('.pkl'), parts, bodies)
        for key, value in {**row, 'imgPath': f'{name}.png', 'X': np.zeros(1), 'Y': np.zeros(1), 'Z': np.zeros(1),
                           'Yaw': np.zeros(1), 'gender': ['neutral'], 'kid': [False], 'isValid': np.array([True]),
                           'gt_path_smplx': [fit]}.items():
            columns[key].append(value)
    write_frame(root / 'Cam/train_0.pkl', columns)


def write_drawn_interhand(root: Path, bodies: GroundTruthBodies, people) -> None:
    """One camera a person, with the fits that pose MANO as both hands."""
    folder, fits, images, annotations, cameras = root / 'annotations/train', {}, [], [], {}
    for k, (image, truth) in enumerate(people):
        height, width = image.shape[:2]
        name = f'Capture0/drawn/cam{k}/image{k}.jpg'
        path = root / 'images/train' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image[:, :, ::-1])
        cameras[f'cam{k}'] = truth.intrinsics
        images.append({'id': k, 'file_name': name, 'width': width, 'height': height, 'capture': 0, 'camera': f'cam{k}',
                       'frame_idx': k, 'subject': 0, 'seq_name': 'drawn'})
        annotations.append({'id': k, 'image_id': k, 'bbox': [0, 0, width, height], 'joint_valid': [1] * 42,
                            'hand_type': 'interacting'})
        fits[str(k)] = {side: _mano_fit(bodies, truth, side) for side in skeleton.SIDES}
    name = 'InterHand2.6M_train'
    write_json(folder / f'{name}_MANO_NeuralAnnot.json', {'0': fits})
    write_json(folder / f'{name}_data.json', {'images': images, 'annotations': annotations})
    write_json(folder / f'{name}_camera.json', {'0': {
        'campos': dict.fromkeys(cameras, [0.0, 0, 0]), 'camrot': dict.fromkeys(cameras, np.eye(3).tolist()),
        'focal': {key: [k.fx, k.fy] for key, k in cameras.items()},
        'princpt': {key: [k.cx, k.cy] for key, k in cameras.items()}}})


def _mano_fit(bodies, truth, side):
    layer = bodies.mano[side]
    fingers = Rotation.from_matrix(truth.local_rotations[skeleton.HAND_SLICE[side]]).as_rotvec()
    wrist = Rotation.from_matrix(truth.joint_rotations[skeleton.WRIST[side]]).as_rotvec()
    pose = np.concatenate([wrist, (fingers - layer.hands_mean.double().numpy().reshape(15, 3)).reshape(-1)])
    at_zero = bodies.hand(side, pose, np.zeros(10), np.zeros(3), motion=STILL).keypoints_3d[0]
    return {'pose': pose, 'shape': np.zeros(10), 'trans': truth.hand(side).keypoints_3d[0] - at_zero}


def write_model_files(folder: Path) -> None:
    """Files in the form of SMPL-X's and MANO's, of a body that is nobody's, in one folder."""
    from parity import fake_models
    fake_models.write_all(str(folder / 'parts'))
    for path in (folder / 'parts').glob('*/*.npz'):
        os.symlink(path.resolve(), folder / path.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--people', type=int, default=100)
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--device', default='auto')
    parser.add_argument('--weights', default='random', choices=('random', 'random-tiny'))
    parser.add_argument('--output', type=Path, required=True, help='a folder that does not exist yet')
    options = parser.parse_args()
    models, data, run = (options.output / name for name in ('models', 'data', 'run'))
    models.mkdir(parents=True)
    write_model_files(models)
    bodies = GroundTruthBodies(Store(models))
    people = draw_people(options.people)
    write_drawn_agora(data / 'agora', bodies, people)
    write_drawn_interhand(data / 'interhand', bodies, people)
    steps = -(-options.people // options.batch)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, '-m', 'hand4whole_ros.cli.main', 'train', 'published', '--data', f'agora={data / "agora"}',
         f'interhand={data / "interhand"}', '--run', run, '--weights-folder', models, '--weights', options.weights,
         '--device', options.device, '--batch', str(options.batch), '--at-once', '1', '--steps', str(steps),
         '--workers', '0'], check=True)
    lines = [json.loads(line) for line in (run / 'published_cham.jsonl').read_text().splitlines()]
    print(json.dumps({
        'people': options.people, 'steps': steps, 'batch': options.batch, 'seconds': round(time.perf_counter() - start),
        'resident_gb': round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2 ** 20, 2),
        'first': lines[0], 'last': lines[-1]}, indent=1))
    return 0


if __name__ == '__main__':
    sys.exit(main())
