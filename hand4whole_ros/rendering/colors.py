"""The colours of skeletons, RGB of 8 bits: the same in images and in the viewer."""

#: RGB of bones by side; '' is the middle of the body.
BONE_COLORS = {'left': (255, 176, 92), 'right': (92, 222, 190), '': (236, 240, 246)}

#: RGB of the fingers, thumb to pinky.
FINGER_COLORS = ((255, 92, 92), (255, 190, 60), (120, 214, 96), (84, 168, 255), (204, 124, 255))

#: RGB of the box of a grasped object.
OBJECT_COLOR = (250, 214, 74)
