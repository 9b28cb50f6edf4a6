"""What all data modules share: loaders, collation, fingerprints."""
