"""The tables: SMPL-X joints, hand keypoints, the maps between them, and frame names.

Everything that needs a joint name, a parent, an order of keypoints or the name of a TF frame reads
it here. Only the standard library is imported, so that any module may use it.

Sources: joint names, order and parents are those of SMPL-X (Pavlakos et al., CVPR 2019); the order
of the 21 hand keypoints is the one OpenPose and MediaPipe share; frame names follow REP-155 where it
has one and extend it to the spine, the face and the fingers.
"""

SIDES = ('left', 'right')

_FINGERS = ('index', 'middle', 'pinky', 'ring', 'thumb')  # SMPL-X order

BODY_JOINT_NAMES = (
    'pelvis', 'left_hip', 'right_hip', 'spine1', 'left_knee', 'right_knee', 'spine2', 'left_ankle',
    'right_ankle', 'spine3', 'left_foot', 'right_foot', 'neck', 'left_collar', 'right_collar', 'head',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist')

NUM_BODY_JOINTS = len(BODY_JOINT_NAMES)

#: The 55 joints of SMPL-X: 22 of the body, jaw and eyes, 15 of the left hand, 15 of the right.
JOINT_NAMES = (
    BODY_JOINT_NAMES + ('jaw', 'left_eye', 'right_eye')
    + tuple(f'{side}_{finger}{k}' for side in SIDES for finger in _FINGERS for k in (1, 2, 3)))

NUM_JOINTS = len(JOINT_NAMES)
JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}

#: Parent of every joint, -1 for the pelvis. A parent always comes before its children.
PARENTS = (
    (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15)
    + tuple(JOINT[f'{side}_wrist'] if k == 1 else JOINT[f'{side}_{finger}{k - 1}']
            for side in SIDES for finger in _FINGERS for k in (1, 2, 3)))

#: Position of each pose parameter of SMPL-X among the 55 joint rotations.
POSE_SLICES = {
    'global_orient': slice(0, 1), 'body_pose': slice(1, 22), 'jaw_pose': slice(22, 23),
    'leye_pose': slice(23, 24), 'reye_pose': slice(24, 25),
    'left_hand_pose': slice(25, 40), 'right_hand_pose': slice(40, 55)}

WRIST = {side: JOINT[f'{side}_wrist'] for side in SIDES}
HAND_SLICE = {side: POSE_SLICES[f'{side}_hand_pose'] for side in SIDES}

#: The 21 keypoints of a hand. Thumb: CMC, MCP, IP, tip; fingers: MCP, PIP, DIP, tip.
HAND_KEYPOINT_NAMES = ('wrist',) + tuple(
    f'{finger}{k}' for finger in ('thumb', 'index', 'middle', 'ring', 'pinky')
    for k in (1, 2, 3, '_tip'))

NUM_HAND_KEYPOINTS = len(HAND_KEYPOINT_NAMES)

HAND_KEYPOINT = {name: index for index, name in enumerate(HAND_KEYPOINT_NAMES)}

#: Wrist and the four finger MCPs: the points a hand is rigidly aligned on (Hand4Whole++).
PALM_KEYPOINTS = tuple(HAND_KEYPOINT[name] for name in ('wrist', 'index1', 'middle1', 'ring1', 'pinky1'))

FINGERTIP_KEYPOINTS = tuple(index for name, index in HAND_KEYPOINT.items() if name.endswith('_tip'))

#: From the wrist along the middle finger to its tip: the length of a hand is measured along these.
MIDDLE_FINGER_KEYPOINTS = tuple(
    HAND_KEYPOINT[name] for name in ('wrist', 'middle1', 'middle2', 'middle3', 'middle_tip'))

#: SMPL-X joint of each hand keypoint; None for the five finger tips, which are points on the skin.
HAND_KEYPOINT_JOINTS = {
    side: tuple(None if name.endswith('_tip') else JOINT[f'{side}_{name}']
                for name in HAND_KEYPOINT_NAMES)
    for side in SIDES}

#: The joint that each hand keypoint moves with: itself, or for a finger tip the last joint of the finger.
HAND_KEYPOINT_BEARERS = {
    side: tuple(JOINT[f'{side}_{HAND_KEYPOINT_NAMES[k - 1]}'] if joint is None else joint
                for k, joint in enumerate(HAND_KEYPOINT_JOINTS[side]))
    for side in SIDES}

#: The joint that each finger tip moves with: left thumb to pinky, right thumb to pinky.
TIP_JOINTS = tuple(HAND_KEYPOINT_BEARERS[side][k] for side in SIDES for k in FINGERTIP_KEYPOINTS)

#: The ten finger tips in this order: 'left_thumb_tip' and so on.
TIP_NAMES = tuple(f'{side}_{HAND_KEYPOINT_NAMES[k]}' for side in SIDES for k in FINGERTIP_KEYPOINTS)

#: Row of each hand keypoint among the 55 joints with the ten finger tips, in the order of TIP_JOINTS, after them.
HAND_KEYPOINT_ROWS = {
    side: tuple(NUM_JOINTS + 5 * number + FINGERTIP_KEYPOINTS.index(k) if joint is None else joint
                for k, joint in enumerate(HAND_KEYPOINT_JOINTS[side]))
    for number, side in enumerate(SIDES)}

#: Parent of each hand keypoint, for drawing a hand as bones.
HAND_KEYPOINT_PARENTS = (-1,) + tuple(0 if k % 4 == 1 else k - 1 for k in range(1, 21))


def mirror_joint_name(name):
    """Name of the joint on the other side of the body; the name itself for joints in the middle."""
    for here, there in (('left_', 'right_'), ('right_', 'left_')):
        if name.startswith(here):
            return there + name[len(here):]
    return name


#: Index of every joint's mirror image.
MIRROR = tuple(JOINT[mirror_joint_name(name)] for name in JOINT_NAMES)

#: Names of joints in the terms of REP-155, by the value of config.FrameConvention.
_FRAME_NAMES = {'smplx': {'pelvis': 'body', 'spine3': 'torso'},
                'rep155': {'pelvis': 'body', 'spine1': 'waist', 'spine3': 'torso'}}


def frame_name(joint_name: str, track_id: int, convention: str = 'smplx') -> str:
    """TF frame of a joint or finger tip of one person: 'body_0', 'l_wrist_0', 'l_index_1_0', 'l_index_tip_0'.

    convention 'smplx': the frame's origin is the joint and its axes are the joint's SMPL-X axes: in the T-pose, x to
    the person's left, y up, z forward. 'rep155': as defined in geometry.rep155_frames. A finger tip has the axes of the
    joint before it.
    """
    name = _FRAME_NAMES[convention].get(joint_name, joint_name)
    for side in SIDES:
        if name.startswith(side + '_'):
            name = f'{side[0]}_{name[len(side) + 1:]}'
    if name.startswith(('l_', 'r_')) and name[-1].isdigit():
        name = f'{name[:-1]}_{name[-1]}'
    return f'{name}_{track_id}'


def hand_frame_name(side, track_id):
    """TF frame of a hand without a person: 'l_hand_0'. Origin and axes are those of the wrist, as above."""
    return f'{side[0]}_hand_{track_id}'


#: Frames of a head besides its joint with the convention 'rep155': the face's parent is the image's frame, the gaze's
#: is the face.
FACE_FRAME_NAMES = ('face', 'gaze')

#: HandPose.state: detected in this image; kept from an earlier one; unknown.
HAND_STATES = ('LOST', 'HELD', 'OK')
LOST, HELD, OK = range(3)
