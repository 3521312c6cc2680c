// Small TorchScript models for tests, made in C++ and saved as a registry would hold them; no Python. Torch-free
// header, so tests that only run models compile fast. Failing to make one ends the test program.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/matrix.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse::testing {

// What a saved classifier does with [n, C, H, W].
enum class ModelKind {
  cnn,              // convolution, pooling, hidden layer of 12, linear head: logits
  frozen_cnn,       // the same weights, frozen before saving
  probabilities,    // softmax of the cnn
  pair,             // (logits, embedding [n, 12])
  throws,           // raises an exception with "this model is broken"
  nan,              // logits are NaN wherever the first pixel is above one half
  argmax,           // [n] class numbers
  random,           // other logits at every call
  batch_dependent,  // logits depend on the other images of the batch
  convolutional,    // no linear layer at all
  branch,           // the linear head sits inside an if
};

void save_model(const std::filesystem::path& file, ModelKind kind, const ImageShape& shape, int classes,
                std::uint64_t seed = 1);

// logits = weights · pixels; weights [classes, C*H*W].
void save_linear_model(const std::filesystem::path& file, const Matrix& weights);

// A generator whose code is the image: latent = C*H*W, and D(E(x)) = x.
void save_identity_pair(const std::filesystem::path& encoder, const std::filesystem::path& decoder,
                        const ImageShape& shape);

// Any module: TorchScript source of its methods, and float parameters of given shape.
struct ScriptParameter {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
void save_script(const std::filesystem::path& file, const std::string& source,
                 const std::vector<ScriptParameter>& parameters = {});

// Images with `classes` kinds of content: class c is bright in the c-th of `classes` bands of rows, with noise.
// Separable, so small models and generators get it right. Labels cycle through the classes.
Dataset banded_images(const ImageShape& shape, int classes, std::size_t n, std::uint64_t seed);

// Band logits: the mean brightness of each band; right on banded_images.
Matrix band_weights(const ImageShape& shape, int classes);

// All pixels of a data set.
std::vector<float> all_images(const Dataset& data);

}  // namespace defuse::testing
