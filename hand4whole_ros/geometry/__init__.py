"""Rotations, cameras, rigid alignment and meshes: maths on arrays that knows nothing else."""
