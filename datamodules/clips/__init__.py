"""Films prepared as clips: the data sets, and the protocols that make inputs of them."""
