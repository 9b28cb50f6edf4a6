"""Programs that make feature files of clips; data modules read what they wrote.

`extract` takes the features of sentiment data from raw clips (`snnmm extract`), `pretrained` what
large networks make of videos (`snnmm features`).
"""
