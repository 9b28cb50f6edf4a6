"""Which keys a config may have, told from source, so that a mistake needs no import of torch."""
