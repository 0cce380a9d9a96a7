"""Makes digits.bin from the copy of the data that scikit-learn carries.

    python make.py

A record is 65 bytes: the label, then the 8×8 picture in rows, values 0 to 16.
Records keep the order of the source, the UCI file optdigits.tes.
"""
import gzip
import pathlib

import numpy as np
import sklearn.datasets

source = pathlib.Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
with gzip.open(source, "rt") as f:
    table = np.loadtxt(f, delimiter=",").astype(np.uint8)
assert table.shape == (1797, 65) and table[:, :64].max() == 16
table[:, [64, *range(64)]].tofile(pathlib.Path(__file__).parent / "digits.bin")
