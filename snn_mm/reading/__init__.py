"""Readers of what others wrote, one a format: each ends in a value or in a `UserError`.

The message names file and place, and neither time nor memory go beyond what the file's size and the
bounds of its format allow. Pickles are read by `datamodules.feature_files.unpickle`, films and
pictures by `datamodules.store`.
"""
