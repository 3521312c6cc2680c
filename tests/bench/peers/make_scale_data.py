"""Writes MNIST's test split repeated to N images, each copy with noise of its own, as IDX files: a large test split of real digits.

Usage: make_scale_data.py MNIST_FOLDER OUT_FOLDER N
"""
import gzip
import json
import struct
import sys
from pathlib import Path

import numpy

CHUNK = 50_000  # images held at a time


def read(path, header):
    with gzip.open(path) as file:
        return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=header)


def main():
    mnist, out, n = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    images = read(mnist / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read(mnist / "t10k-labels-idx1-ubyte.gz", 8)
    random = numpy.random.default_rng(1)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "images-idx3-ubyte", "wb") as pixels, open(out / "labels-idx1-ubyte", "wb") as names:
        pixels.write(struct.pack(">IIII", 2051, n, 28, 28))
        names.write(struct.pack(">II", 2049, n))
        for first in range(0, n, CHUNK):
            rows = numpy.arange(first, min(first + CHUNK, n))
            which = rows % len(images)
            chosen = images[which]
            # The first pass over the split stays as it is; copies are moved by a few grey levels where there is ink or beside it.
            noise = random.integers(-20, 21, chosen.shape, dtype=numpy.int16) * (rows >= len(images))[:, None, None]
            ink = chosen > 0
            pixels.write(numpy.where(ink, numpy.clip(chosen + noise, 1, 255), 0).astype(numpy.uint8).tobytes())
            names.write(labels[which].tobytes())
    print(json.dumps({"seconds": 0, "images": n}))


if __name__ == "__main__":
    main()
