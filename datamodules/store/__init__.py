"""Turns data sets as their owners distribute them into what many workers read at random.

Nothing here imports torch: preparing needs many processes, and each starts faster without it.
"""
