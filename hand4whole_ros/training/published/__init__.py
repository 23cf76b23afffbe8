"""Training of full-size CHAM between the published experts, on the data sets of Hand4Whole++.

`sources` mixes the data sets, `crops` cuts one person out and keeps what is true of it, `batches` puts crops together,
`losses` compares, `cham_training` trains CHAM and nothing else, `run` is the whole of it. See docs/guides/training.md.
"""
