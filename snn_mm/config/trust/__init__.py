"""What a config may name, and where it may write: it is a program, and often somebody else's."""
