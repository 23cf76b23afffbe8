"""Pictures, folders and videos, offline: every frame, in order."""
