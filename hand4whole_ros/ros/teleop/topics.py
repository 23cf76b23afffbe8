"""Names of nodes and topics of teleoperation: one table. '~' is the node that publishes or offers."""

RETARGET_NODE, WRIST_TELEOP_NODE, OPENXR_NODE, SIM_NODE = 'retarget', 'wrist_teleop', 'openxr', 'sim_hand'

# Of every node that an operator drives.
STATE = '~/state'
ENGAGE = '~/engage'
TAKE_OVER = '~/take_over'
RELEASE = '~/release'

# retarget
COMMAND = '~/command'
JOINT_STATES = 'joint_states'
WRIST_STATE = f'{WRIST_TELEOP_NODE}/state'

# wrist_teleop
POSE = '~/pose'
TWIST = '~/twist'
CURRENT_POSE = 'current_pose'

# openxr
HANDS = '~/hands'

# sim_hand; its commands are those of retarget
SIM_COMMAND = f'{RETARGET_NODE}/command'
SIM_IMAGE = '~/image'
SIM_TIPS = '~/tips'
