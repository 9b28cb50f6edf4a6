"""The formulas behind the modulations, one paper a file: pure functions of numbers or tensors.

What gathers their input over micro-batches and ranks, and applies what they give, is the callback
of the same name one room up.
"""
