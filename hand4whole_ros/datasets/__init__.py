"""Data sets of people and hands in their published formats, read into one datum: `sample.Sample`.

`opening.open_dataset` makes a reader by name; `catalogue` says what each data set is, where it comes from and what it
knows; `targets` turns a sample into arrays of fixed shapes, with masks, for training.
"""


class DatasetError(ValueError):
    """A data set cannot be read. One line names the file, what is wrong with it and what to do."""
