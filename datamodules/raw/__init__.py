"""Raw, unlabelled files made into inputs, by the preparation of the data that a run trained on."""
