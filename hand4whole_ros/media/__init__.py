"""Pictures, videos and folders of them, as arrays."""
