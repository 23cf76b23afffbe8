"""Names of the node's topics: one table. '~' is the node, 'hand4whole' unless it is renamed."""

NODE_NAME = 'hand4whole'

#: The node that shows the results of hand4whole in a browser.
VIEWER_NODE_NAME = 'hand4whole_viewer'

# Inputs. camera_info is the sibling of the image topic unless it is itself remapped; see sibling_camera_info().
IMAGE = 'image'
CAMERA_INFO = 'camera_info'

#: Images of a camera that is started together with the node; its camera_info is the sibling.
OWN_CAMERA_IMAGE = 'camera/image_raw'

# Outputs.
POSES = '~/poses'
HANDS = '~/hands'
OBJECTS = '~/objects'
MARKERS = '~/markers'
OVERLAY = '~/overlay'
SKELETON = '~/skeleton'
WRIST = {'left': '~/operator/left_wrist', 'right': '~/operator/right_wrist'}
HEAD = '~/operator/head'
HAND = {'left': '~/operator/left_hand', 'right': '~/operator/right_hand'}
OPERATOR_STATUS = '~/operator/status'
HAND_KEYPOINTS = {side: f'{topic}/keypoints' for side, topic in HAND.items()}
TF = '/tf'

# Of REP-155, where hri_msgs is installed: absolute, as all of its users expect them.
HUMANS_BODIES_TRACKED = '/humans/bodies/tracked'
HUMANS_ROI, HUMANS_SKELETON = 'roi', 'skeleton2d'

DIAGNOSTICS = '/diagnostics'

#: Suffix that image_transport gives to compressed images.
COMPRESSED = '/compressed'


def absolute_topic(topic: str) -> str:
    """'~/poses' -> '/hand4whole/poses': its name if the node is neither renamed nor in a namespace."""
    return f'/{NODE_NAME}{topic[1:]}' if topic.startswith('~') else topic


def sibling_camera_info(image_topic: str) -> str:
    """'/cam/image_raw' -> '/cam/camera_info', as in image_transport's camera subscriber."""
    return image_topic.removesuffix(COMPRESSED).rpartition('/')[0] + '/' + CAMERA_INFO


def is_rectified(image_topic: str) -> bool:
    """Whether the image is undistorted already: by image_pipeline's convention such topics are named image_rect."""
    return image_topic.removesuffix(COMPRESSED).rpartition('/')[2].startswith('image_rect')


def humans_body_topic(body_id: str, name: str) -> str:
    """'/humans/bodies/3/roi': one of REP-155's topics of one body."""
    return f'/humans/bodies/{body_id}/{name}'
