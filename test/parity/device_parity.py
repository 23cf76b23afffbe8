"""The published networks at full size on a device against the numbers measured on their authors' code.

    PYTHONPATH=.:test python -m parity.device_parity --device cuda --json parity.json

In float32 within the tolerances of the tests; in half precision the differences are stated. Needs no ROS and no pytest.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

from hand4whole_ros.checkpoints.hand4whole_pp import load_body
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.estimators.base import EstimatorUnavailable
from hand4whole_ros.estimators.devices import pick_device
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP, SIDES, Hand4WholePP, HandBoxes
from hand4whole_ros.networks.pose2pose import POSE2POSE, Pose2Pose
from hand4whole_ros.networks.unihope import UNIHOPE, UniHOPE
from parity import deterministic as D
from parity import fake_models, fixtures, weights2

#: Network -> tolerance of float32, relative to the largest value; another device's convolutions count differently.
TOLERANCES = {'hand4whole_pp': 1e-4, 'hand4whole': 3e-4, 'unihope': 2e-4}

PARTS = ('encoder', 'body_position_net', 'body_regressor', 'face_roi_net', 'face_regressor', 'hand_control_net')


def hand4whole_pp(body, device, dtype):
    """Key of the fixture -> value, and the fixture."""
    f = fixtures.load('end_to_end')
    network = Hand4WholePP(HAND4WHOLE_PP, body).eval().requires_grad_(False)
    for name in PARTS:
        D.fill(getattr(network, name), std=D.STD, prefix=f'{name}.')
    D.fill(network.wilor, std=D.STD)
    boxes = {side: HandBoxes(torch.from_numpy(f[f'{side[0]}hand_bbox']).to(device),
                             torch.from_numpy(f[f'{side[0]}hand_exist']).to(device) > 0) for side in SIDES}
    found = prepared(network, device, dtype)(D.image('e2e.img', 512, 384, batch=2).to(device), boxes)
    return f, {'kpt_img': found.heatmap_keypoints, 'root_mat': found.body.global_orient,
               'body_mat': found.body.body_pose, 'smplx_shape': found.body.betas, 'smplx_expr': found.face.expression,
               'smplx_trans': found.body.transl}


def hand4whole(body, device, dtype):
    """Likewise."""
    f = fixtures.load('p2p_end_to_end')
    network = Pose2Pose(POSE2POSE, body.smplx(flat_hand_mean=False, use_face_contour=True)).eval()
    weights2.fill(network)
    found = prepared(network, device, dtype)(D.image('pose2pose.img', 512, 384, batch=2).to(device))
    return f, {'root_mat': found.body.global_orient, 'body_mat': found.body.body_pose, 'jaw_mat': found.face.jaw_pose,
               'out_smplx_shape': found.body.betas, 'out_smplx_expr': found.face.expression,
               'out_cam_trans': found.body.transl, 'out_smplx_mesh_cam': found.vertices}


def unihope(body, device, dtype):
    """Likewise."""
    f = fixtures.load('uni_end_to_end')
    network = UniHOPE(UNIHOPE, body.mano['right']).eval()
    weights2.fill(network)
    boxes = (torch.from_numpy(f[name]).to(device) for name in ('bbox_hand', 'bbox_obj'))
    found = prepared(network, device, dtype)(D.image('unihope.img', 128, 128, batch=2).to(device), *boxes)
    values = {'pred_verts3d_cam': found.vertices, 'preds_joints2d': found.keypoints_2d, 'betas': found.pose.betas,
              'preds_obj_0': found.votes.x, 'preds_obj_2': found.votes.confidence,
              'rotmat': torch.cat(found.pose[:2], dim=1)}
    return f, {f'natural.{key}': value for key, value in values.items()}


def prepared(network, device, dtype):
    """On its device, in that precision."""
    network.requires_grad_(False)
    return (network if dtype == torch.float32 else network.to_precision(dtype)).to(device)


def compare(name, body, device, dtype):
    """{'network', 'precision', 'difference', 'worst', 'tolerance'}: relative to the largest value of each kind."""
    networks = {'hand4whole_pp': hand4whole_pp, 'hand4whole': hand4whole, 'unihope': unihope}
    f, values = networks[name](body, device, dtype)
    differences = {}
    for key, value in values.items():
        difference, largest = fixtures.diff(f, key, value.float())
        differences[key] = difference / max(largest, 1e-6)
    worst = max(differences, key=lambda key: differences[key])
    return {'network': name, 'precision': str(dtype).removeprefix('torch.'), 'difference': differences[worst],
            'worst': worst, 'tolerance': TOLERANCES[name] if dtype == torch.float32 else None}


def main(words=None):
    """0 equal, 1 not, 2 wrong arguments."""
    parser = argparse.ArgumentParser(prog='device_parity', description=__doc__.splitlines()[0])
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--only', nargs='+', choices=list(TOLERANCES), default=list(TOLERANCES))
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(words)
    try:
        device = pick_device(args.device)
    except EstimatorUnavailable as error:
        print(f'device_parity: {error}', file=sys.stderr)
        return 2
    assert D.selfcheck(), 'this numpy draws another stream of random numbers than the fixtures were made with'
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    half = (torch.float16, torch.bfloat16) if device.type == 'cuda' else (torch.bfloat16,)
    rows = []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        fake_models.write_all(folder)
        body = load_body(Store(folder))
        print('| network | precision | largest difference, relative | of | tolerance |\n|---|---|---:|---|---:|')
        for name in args.only:
            for dtype in (torch.float32, *half):
                rows.append(row := compare(name, body, device, dtype))
                print(f"| {name} | {row['precision']} | {row['difference']:.1e} | {row['worst']} | "
                      f"{'-' if row['tolerance'] is None else row['tolerance']} |", flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1))
    wrong = [row for row in rows if not row['difference'] <= (
        float('inf') if row['tolerance'] is None else row['tolerance'])]
    for row in wrong:
        print(f"device_parity: {row['network']} differs by {row['difference']:.1e} in {row['worst']}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
