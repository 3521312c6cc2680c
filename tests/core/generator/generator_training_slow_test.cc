// Training long enough that the generator must have learnt something.
#include <gtest/gtest.h>

#include <cmath>

#include "core/generator/generator.h"
#include "tests/support/torch_models.h"

namespace defuse {
namespace {

TEST(GeneratorTraining, LearnsToRebuildBandsAndKeepsCodesNearTheOrigin) {
  const ImageShape shape{3, 17, 14};  // odd, not square, colour
  const Dataset images = testing::banded_images(shape, 4, 1000, 1);
  GeneratorSettings settings;
  settings.latent = 4;
  settings.epochs = 20;
  settings.learning_rate = 2e-3;
  NoProgress progress;
  const auto generator = Generator::train(images, settings, 1, 2, progress);
  ASSERT_TRUE(generator) << generator.error().describe();
  const auto held_out = testing::all_images(testing::banded_images(shape, 4, 200, 99));
  const auto codes = generator->encode(held_out, 200);
  ASSERT_TRUE(codes);
  std::vector<float> rebuilt(held_out.size());
  ASSERT_TRUE(generator->decode(codes->mean, rebuilt));
  double sum = 0;
  for (std::size_t i = 0; i < rebuilt.size(); ++i) {
    sum += std::pow(static_cast<double>(rebuilt[i]) - static_cast<double>(held_out[i]), 2);
  }
  // Bands differ by about 0.65 in brightness, and the noise alone is 0.03: 0.1 is impossible without having learnt
  // them.
  EXPECT_LT(std::sqrt(sum / static_cast<double>(rebuilt.size())), 0.1);
  // The prior holds codes together: mean of μ² + σ² is near 1 in each dimension that is used, and below it elsewhere.
  for (std::size_t j = 0; j < 4; ++j) {
    double moment = 0;
    for (std::size_t i = 0; i < 200; ++i) {
      moment += std::pow(static_cast<double>(codes->mean.row(i)[j]), 2) +
                std::exp(static_cast<double>(codes->log_var.row(i)[j]));
    }
    EXPECT_GT(moment / 200, 0.3);
    EXPECT_LT(moment / 200, 3);
  }
}

}  // namespace
}  // namespace defuse
