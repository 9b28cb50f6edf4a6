"""Which keys a config may have, by the manifest, so that a mistake needs no import of torch."""
