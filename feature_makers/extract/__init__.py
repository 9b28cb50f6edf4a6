"""Turns raw clips and their transcripts into feature sequences, as `snnmm extract` does.

A newcomer reads `audio`, `openface` and `text`, one modality each; `labels` says what the clips
are, `engine` does the work in parallel, `assemble` writes what training reads.
"""
