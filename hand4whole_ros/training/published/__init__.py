"""Training of full-size CHAM between the published experts, on the data sets of Hand4Whole++.

`sources` mixes the data sets, `views` cuts one person out and says what is true of it, `batches` puts views together,
`losses` compares, `modulator` trains CHAM and nothing else, `run` is the whole of it. docs/training.md tells the story.
"""
