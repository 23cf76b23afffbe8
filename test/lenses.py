"""Lenses as cameras have them, and as they come out of calibrations that went wrong."""

#: name -> model, coefficients, fx, fy, cx, cy, width, height. From drivers' factory data and people's calibrations.
GOOD = {
    'RealSense D455, colour': ('plumb_bob', (-0.0556, 0.0653, -0.0008, 0.0004, -0.0206), 385, 384, 320, 242, 640, 480),
    'RealSense D415, colour': ('plumb_bob', (0.156, -0.49, -0.0007, 0.0004, 0.45), 615, 615, 323, 238, 640, 480),
    'OAK-D Lite, 14': ('rational_polynomial', (
        0.47546, -6.31331, 0.001951, -0.000246, 5.56228, 0.46284, -6.28505, 5.54832, 0, 0, 0, 0, -0.02479, -0.00583),
        452, 452, 322, 247, 640, 480),
    'OAK-D colour, 14': ('rational_polynomial', (
        9.35, -97.1, -0.0009, 0.0003, 353.6, 9.18, -96.0, 350.2, 0, 0, 0, 0, 0, 0), 1498, 1498, 951, 542, 1920, 1080),
    'Azure Kinect, wide': ('rational_polynomial', (0.5, -2.6, 0.0008, -0.0001, 1.45, 0.38, -2.4, 1.38),
                           608, 608, 638, 366, 1280, 720),
    'Azure Kinect, narrow': ('rational_polynomial', (5.4, 3.6, -1e-4, -2e-5, 0.18, 5.7, 5.6, 0.98),
                             504, 504, 322, 330, 640, 576),
    'GoPro, fisheye': ('equidistant', (-0.01, 0.02, -0.015, 0.004), 480, 480, 640, 362, 1280, 720),
    'T265, 170 degrees, corners dark': ('equidistant', (-0.0085, 0.0475, -0.0443, 0.0083),
                                        286, 286, 421, 399, 848, 800),
    'webcam': ('plumb_bob', (-0.4, 0.2, 0.0005, -0.001, 0.0), 600, 600, 325, 236, 640, 480),
    'webcam, wide': ('plumb_bob', (-0.4, 0.2, 0.0005, -0.001, 0.0), 400, 400, 325, 236, 640, 480),
    'webcam, -0.51': ('plumb_bob', (-0.513, 0.2037, -0.0001, 0.0013, 0.0), 568, 566, 355, 167, 640, 480),
    'stereo pair, wide': ('plumb_bob', (-0.3319, 0.0683, -0.0029, 0.0049, 0.0), 369, 371, 311, 230, 640, 480),
    'industrial, 87 degrees': ('plumb_bob', (-0.2834, 0.0739, 0.0002, 0.0), 458, 457, 367, 248, 752, 480),
    'car, one polynomial that folds outside': ('plumb_bob', (-0.3728, 0.2037, 0.0022, 0.0014, -0.0723),
                                               984, 980, 690, 233, 1392, 512),
    'eight, three of them zero': ('rational_polynomial', (-0.1497, 1.3624, 0.0035, 0.0083, -3.4124, 0, 0, 0),
                                  652, 648, 324, 235, 640, 480),
    'k1 alone, extreme corners fold': ('plumb_bob', (-0.3, 0.0, 0.0, 0.0), 500, 500, 320, 240, 640, 480),
    'tele': ('plumb_bob', (-0.0119, -1.619, -0.0128, -0.0014, 0.0), 1454, 1459, 470, 180, 800, 600)}

#: Folds in the corners, where nobody held the board, and is right elsewhere.
CORNERS_FOLD = {
    'k3 without a board in the corners': ('plumb_bob', (-0.0027, 0.0298, 0.0003, 0.0011, -0.1081),
                                          407, 407, 385, 246, 768, 492)}

#: name -> the same, but no lens of this image.
WRONG = {
    'tangential first': ('plumb_bob', (0.001, -0.0007, -0.28, 0.09, 0.0), 610, 605, 325, 238, 640, 480),
    'k3 before tangential': ('plumb_bob', (-0.28, 0.09, -0.05, 0.001, 0.0007), 610, 605, 325, 238, 640, 480),
    'from the end': ('plumb_bob', (0.0, -0.0007, 0.001, 0.09, -0.28), 610, 605, 325, 238, 640, 480),
    'OAK-D, radial first': ('rational_polynomial', (9.35, -97.1, 353.6, 9.18, -96.0, 350.2, -0.0009, 0.0003),
                            1498, 1498, 951, 542, 1920, 1080),
    'Azure Kinect, radial first': ('rational_polynomial', (0.5, -2.6, 1.45, 0.38, -2.4, 1.38, 0.0008, -0.0001),
                                   608, 608, 638, 366, 1280, 720),
    'folds at half of the image': ('plumb_bob', (-1.0, 0.0, 0.0, 0.0, 0.0), 500, 500, 320, 240, 640, 480),
    'folds before the corners': ('plumb_bob', (-0.5, 0.0, 0.0, 0.0, 0.0), 500, 500, 320, 240, 640, 480),
    'in pixels': ('plumb_bob', (-4e-7, 1e-13, 600.0, 2.0, 0.0), 610, 605, 325, 238, 640, 480),
    'fisheye that folds at 40 degrees': ('equidistant', (-0.7, 0.0, 0.0, 0.0), 300, 300, 320, 240, 640, 480)}
