"""Rotations, cameras, rigid alignment and meshes: maths on arrays without other dependencies."""
