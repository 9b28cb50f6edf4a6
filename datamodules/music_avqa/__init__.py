"""MUSIC-AVQA: questions about videos of musical performances (Li et al., CVPR 2022).

A newcomer reads `questions` (the official JSON), `vocabulary` (words and answers as numbers),
`features` (the files of a video), `source` and `grounding` (samples), and `module`.
"""
