"""How trained networks bear what happens to their inputs, and which modality contributes what.

A newcomer reads `conditions` (what is done to the inputs), `probe` (what is measured under it),
`compute` (all conditions of all runs, resumable), `curves` and `contribution` (what is made of it).
"""
