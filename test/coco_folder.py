"""Folders of images with annotations in COCO-WholeBody's format."""

import json

import cv2
import numpy as np

from hand4whole_ros.datasets import coco_wholebody


def write_coco_folder(folder, images):
    """Images (H, W, 3) uint8 RGB with their AnnotatedImage -> PNG files, and annotations/people.json."""
    content = {'images': [], 'annotations': []}
    for number, (image, truth) in enumerate(images):
        cv2.imwrite(str(folder / f'{number}.png'), image[:, :, ::-1])
        content['images'].append({'id': number, 'file_name': f'{number}.png'})
        content['annotations'] += [annotation(number, person) for person in truth.people]
    (folder / 'annotations').mkdir()
    (folder / 'annotations' / 'people.json').write_text(json.dumps(content))


def annotation(image_id, person):
    """One AnnotatedPerson."""
    keypoints = np.zeros((17, 3))
    for joint, point in person.joints.items():
        keypoints[coco_wholebody._JOINTS.index(joint)] = *point, 1 if joint in person.hidden else 2
    hands = {f'{side}hand_{key}': value for side, (points, _) in person.hands.items() for key, value in (
        ('valid', True), ('kpts', np.column_stack([points, np.ones(21)]).ravel().tolist()))}
    hands.update({f'{side}hand_valid': False for side in person.sides_without_hand})
    return {'image_id': image_id, 'keypoints': keypoints.ravel().tolist(), 'bbox': [100, 100, 400, 500], **hands}
