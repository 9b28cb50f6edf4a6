"""Features that pre-trained networks make of videos, as `snnmm features` computes them.

A newcomer reads `video_mae`, `audio_mae` and `resnet_maps`, one network each, then `engine`, which
runs them over a folder of videos. Weights are local files; nothing is downloaded, and no code
unpickled.
"""
