"""The compiled loops of neurons, batch norms and pools on the CPU, and how they run on threads.

A loop reads and writes flat arrays and knows nothing of torch's autograd, which is the business of
the `fused_*` modules beside this package.
"""
