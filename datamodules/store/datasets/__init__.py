"""How each distributed data set lies on disk, and which of its clips are which."""
