"""Arrays of images for the speed rows, written once: make_images.py OUT.npy N [--idx IMAGES.gz] [--shape C,H,W]

Without --idx the images are synthetic: eight soft blobs each, so that a generator has something to learn. uint8, [N, C, H, W].
"""
import argparse
import gzip

import numpy


def from_idx(file, n):
    with gzip.open(file) as stream:
        header = numpy.frombuffer(stream.read(16), ">i4")
        n = min(n, int(header[1]))
        pixels = numpy.frombuffer(stream.read(n * int(header[2]) * int(header[3])), numpy.uint8)
    return pixels.reshape(n, 1, int(header[2]), int(header[3]))


def synthetic(n, shape, seed=1):
    random = numpy.random.default_rng(seed)
    rows, columns = numpy.mgrid[0:shape[1], 0:shape[2]].astype(numpy.float32)
    images = numpy.zeros((n, *shape), numpy.float32)
    for _ in range(8):
        y, x = (random.uniform(0, side, (n, 1, 1, 1)).astype(numpy.float32) for side in shape[1:])
        images += numpy.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 8) * random.uniform(0, 1, (n, shape[0], 1, 1)).astype(numpy.float32)
    return (255 * images.clip(0, 1)).astype(numpy.uint8)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out")
    options.add_argument("n", type=int)
    options.add_argument("--idx")
    options.add_argument("--shape", default="1,28,28")
    options = options.parse_args()
    shape = tuple(int(side) for side in options.shape.split(","))
    numpy.save(options.out, from_idx(options.idx, options.n) if options.idx else synthetic(options.n, shape))


if __name__ == "__main__":
    main()
