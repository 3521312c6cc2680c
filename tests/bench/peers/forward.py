"""Forward passes of a TorchScript model over images held as one tensor, as plain Python does it.

  forward.py MODEL.pt IMAGES.npy [--batch 256]

IMAGES.npy: [n, C, H, W] uint8. One loop over batches in inference mode, default threads. The first batches, which prepare the kernels, are
not timed.
"""
import argparse
import json
import time

import numpy
import torch


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("model")
    options.add_argument("images")
    options.add_argument("--batch", type=int, default=256)
    options = options.parse_args()
    model = torch.jit.load(options.model).eval()
    images = torch.from_numpy(numpy.load(options.images)).float().div_(255)
    with torch.inference_mode():
        for _ in range(3):  # the profiling executor rewrites the graph after its first runs
            model(images[:options.batch])
        started = time.perf_counter()
        logits = torch.cat([model(batch) for batch in images.split(options.batch)])
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "sum": float(logits.double().sum()), "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
