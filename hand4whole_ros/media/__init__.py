"""Images, videos and folders of them, as arrays."""
