"""A grid of settings and seeds, each cell of it one `snnmm fit` in a process of its own."""
