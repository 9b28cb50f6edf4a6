"""What `snnmm doctor` looks at, one subject a file; nothing here imports torch."""
