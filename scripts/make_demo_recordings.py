"""Draw what the demo camera plays and write it into the package: hand4whole_ros/ros/demo/recordings/.

    python scripts/make_demo_recordings.py

Needs the extra synthetic, and some minutes.
"""

import av
import numpy as np

from hand4whole_ros.ros.demo.recording import FOLDER, RATE, STEP
from hand4whole_ros.synthetic.motion import DEMO_SCRIPT, PersonMotion
from hand4whole_ros.synthetic.operator import OPERATOR_SCRIPT
from hand4whole_ros.system.progress import ProgressBar


def main():
    """Write a video and the truth of each."""
    FOLDER.mkdir(exist_ok=True)
    for name, script in (('demonstration', DEMO_SCRIPT), ('operator', OPERATOR_SCRIPT)):
        motion, points = PersonMotion(score=script), []
        k = motion.intrinsics
        with av.open(str(FOLDER / f'{name}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=round(RATE))
            stream.width, stream.height, stream.pix_fmt = k.width, k.height, 'yuv420p'
            stream.options = {'crf': '28', 'preset': 'slow'}
            for number in ProgressBar(range(round(script.period * RATE)), name, unit='image'):
                truth = motion.truth(number / RATE)
                points.append(np.concatenate([truth.joints, truth.left_hand.keypoints_3d,
                                              truth.right_hand.keypoints_3d]))
                picture = av.VideoFrame.from_ndarray(motion.frame(number / RATE), format='rgb24')
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        np.savez_compressed(FOLDER / f'{name}.npz', points=np.rint(np.array(points) / STEP).astype(np.int16),
                            intrinsics=np.array([k.fx, k.fy, k.cx, k.cy]), size=np.array([k.width, k.height]))


if __name__ == '__main__':
    main()
