"""`hand4whole estimate` with the scripted estimator: does as the pictures say. For processes that get killed, too."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
from scripted_node import picture
from scripted_replay import QuickEstimator

from hand4whole_ros.cli import main


def estimate(*words, create=QuickEstimator):
    """The exit code of `hand4whole estimate WORDS`."""
    before = main.create_estimator
    main.create_estimator = lambda args, static_images: create(SimpleNamespace(device='cpu', body_model=None))
    try:
        return main.main(['estimate', *map(str, words)])
    finally:
        main.create_estimator = before


def write_picture(path, people=1, behaviour=0):
    """A picture file that makes the scripted estimator do this; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of one colour: every compression keeps it.
    image = np.full((240, 320, 3), picture(people, behaviour)[0, 0], np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, image[..., ::-1])[1].tobytes())
    return path


def write_video(path, frames=3, people=1, behaviour=0):
    """A video of such pictures."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 25, (320, 240))
    image = np.full((240, 320, 3), picture(people, behaviour)[0, 0], np.uint8)
    for _ in range(frames):
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    writer.release()
    return path


if __name__ == '__main__':
    main.create_estimator = lambda args, static_images: QuickEstimator(SimpleNamespace(device='cpu', body_model=None))
    sys.argv.insert(1, 'estimate')
    sys.exit(main.main())
