"""The formulas of the methods that balance modalities, one paper a file; IEMF's are in `factors`.

They are pure functions of numbers or tensors. What gathers their input over micro-batches and
ranks, and applies what they give, is in `snn_mm.callbacks`.
"""
