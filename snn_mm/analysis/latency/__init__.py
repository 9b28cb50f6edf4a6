"""What a trained network does with less time or fewer bits, and converted from its ANN.

`trials` says what is asked of a run, `probe` answers, `compute` keeps the answers in the run's
directory, `study`, `tables` and `figures` put them together over seeds.
"""
