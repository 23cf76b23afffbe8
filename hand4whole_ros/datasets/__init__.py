"""Data sets of people and hands in their published formats, read into one type: `sample.Sample`.

`registry.open_dataset` makes a reader by name; `catalogue` describes each data set, its source and its annotations;
`targets` turns a sample into arrays of fixed shapes, with masks, for training.
"""


class DatasetError(ValueError):
    """A data set cannot be read. One line names the file, what is wrong with it and what to do."""
