#include "core/generator/vae.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/generator/vae_training.h"
#include "tests/support/torch_models.h"

namespace defuse {
namespace {

Vae must_make(const ImageShape& shape, int latent = 4, std::uint64_t seed = 1) {
  auto vae = Vae::create(shape, latent, seed);
  if (!vae) throw std::runtime_error(vae.error().describe());
  return std::move(*vae);
}

// Golden values derived by hand from ½(μ² + e^ℓ − 1 − ℓ).
TEST(VaeLoss, KlAndItsGradientMatchTheWorkedExample) {
  const auto options = torch::TensorOptions(torch::kDouble).requires_grad(true);
  const at::Tensor mean = torch::tensor({{0.5, -1.0, 0.0}}, options);
  const at::Tensor log_var = torch::tensor({{0.0, -0.5, 1.0}}, options);
  const at::Tensor kl = kl_divergence({mean, log_var});
  ASSERT_EQ(kl.numel(), 1);
  EXPECT_NEAR(kl.item<double>(), 1.0374062441, 1e-10);
  kl.sum().backward();
  const double expected_mean[] = {0.5, -1, 0};
  const double expected_log_var[] = {0, -0.1967346701, 0.8591409142};
  for (int j = 0; j < 3; ++j) {
    EXPECT_NEAR(mean.grad()[0][j].item<double>(), expected_mean[j], 1e-10);
    EXPECT_NEAR(log_var.grad()[0][j].item<double>(), expected_log_var[j], 1e-10);
  }
}

TEST(VaeLoss, BernoulliTermIsSummedOverPixels) {
  const at::Tensor x = torch::tensor({0.0, 1.0, 0.5, 0.25}, torch::kDouble).reshape({1, 1, 2, 2});
  const at::Tensor p = torch::tensor({0.1, 0.8, 0.5, 0.3}, torch::kDouble).reshape({1, 1, 2, 2});
  const double expected = -std::log(0.9) - std::log(0.8) - std::log(0.5) - 0.25 * std::log(0.3) - 0.75 * std::log(0.7);
  EXPECT_NEAR(bernoulli_loss(torch::logit(p), x).item<double>(), expected, 1e-12);
}

// The whole loss against finite differences, weight by weight, for one weight of every layer.
TEST(VaeLoss, GradientAgreesWithFiniteDifferences) {
  const Vae vae = must_make({1, 8, 8}, 3);
  torch::NoGradGuard no_gradient;
  const at::Tensor x = torch::linspace(0, 1, 5 * 64).reshape({5, 1, 8, 8});
  const at::Tensor noise = torch::linspace(-1, 1, 15).reshape({5, 3});
  const auto loss = [&] {
    const auto posterior = vae.encode(x);
    const auto codes = posterior.mean + (0.5 * posterior.log_var).exp() * noise;
    return (bernoulli_loss(vae.decode(codes), x) + kl_divergence(posterior)).to(torch::kDouble).sum();
  };
  std::vector<at::Tensor> gradients;
  {
    const torch::AutoGradMode with_gradient(true);
    gradients = torch::autograd::grad({loss()}, vae.weights());
  }
  for (std::size_t i = 0; i < vae.weights().size(); ++i) {
    at::Tensor weight = vae.weights()[i].detach().flatten();  // shares the network's memory
    const at::Tensor gradient = gradients[i].flatten();
    const auto place = gradient.abs().argmax().item<std::int64_t>();
    float& value = weight.data_ptr<float>()[place];
    const float kept = value;
    const float step = 2e-3F;
    value = kept + step;
    const double above = loss().item<double>();
    value = kept - step;
    const double below = loss().item<double>();
    value = kept;
    const double slope = (above - below) / (2 * static_cast<double>(step));
    const double expected = gradient[place].item<double>();
    EXPECT_NEAR(slope, expected, 0.02 * std::abs(expected) + 0.05)
        << "weight tensor " << i;  // float32 sums of ~200 nats
  }
}

TEST(Vae, EveryImageSizeComesBackExactly) {
  const torch::NoGradGuard no_gradient;
  for (const std::int64_t side : {8, 9, 13, 15, 16, 20, 28, 31, 33, 64, 127, 128}) {
    const Vae vae = must_make({1, side, side});
    const auto posterior = vae.encode(torch::zeros({2, 1, side, side}));
    EXPECT_EQ(posterior.mean.sizes().vec(), (std::vector<std::int64_t>{2, 4}));
    EXPECT_EQ(vae.decode(posterior.mean).sizes().vec(), (std::vector<std::int64_t>{2, 1, side, side}));
  }
  const Vae wide = must_make({3, 8, 127});
  const auto posterior = wide.encode(torch::zeros({2, 3, 8, 127}));
  EXPECT_EQ(wide.decode(posterior.mean).sizes().vec(), (std::vector<std::int64_t>{2, 3, 8, 127}));
}

TEST(Vae, RefusesWhatItWasNotMadeFor) {
  for (const ImageShape& shape : {ImageShape{1, 7, 8}, ImageShape{1, 8, 129}, ImageShape{0, 8, 8}}) {
    EXPECT_EQ(Vae::create(shape, 4, 1).error().code, ErrorCode::invalid_input);
  }
  EXPECT_EQ(Vae::create({1, 8, 8}, 0, 1).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(Vae::create({1, 8, 8}, 513, 1).error().code, ErrorCode::invalid_input);
}

TEST(Vae, DigestFollowsTheWeights) {
  const Vae one = must_make({1, 8, 8});
  EXPECT_EQ(one.digest(), must_make({1, 8, 8}).digest());
  EXPECT_NE(one.digest(), must_make({1, 8, 8}, 4, 2).digest());
  Vae other = must_make({1, 8, 8});
  std::vector<at::Tensor> weights;
  for (const auto& weight : one.weights()) weights.push_back(weight.detach().clone());
  weights.back()[0] += 1;
  ASSERT_TRUE(other.set_weights(weights));
  EXPECT_NE(other.digest(), one.digest());
}

TEST(Vae, RefusesWeightsThatDoNotFit) {
  Vae vae = must_make({1, 8, 8});
  std::vector<at::Tensor> weights;
  for (const auto& weight : vae.weights()) weights.push_back(weight.detach().clone());
  const auto code = [&](std::vector<at::Tensor> changed) { return vae.set_weights(changed).error().code; };
  EXPECT_EQ(code({weights.begin(), weights.end() - 1}), ErrorCode::corrupt);
  auto changed = weights;
  changed[0] = changed[0].flatten();
  EXPECT_EQ(code(changed), ErrorCode::corrupt);
  changed = weights;
  changed[0] = changed[0].to(torch::kDouble);
  EXPECT_EQ(code(changed), ErrorCode::corrupt);
  changed = weights;
  changed[0] = torch::full_like(changed[0], std::nan(""));
  EXPECT_EQ(code(changed), ErrorCode::corrupt);
}

TEST(VaeTraining, LeavesTheGlobalRandomStateAlone) {
  const Dataset data = testing::banded_images({1, 8, 8}, 2, 40, 1);
  Vae vae = must_make({1, 8, 8});
  GeneratorSettings settings;
  settings.epochs = 1;
  NoProgress progress;
  at::manual_seed(5);
  const double undisturbed = torch::rand({1}).item<double>();
  at::manual_seed(5);
  ASSERT_TRUE(train_vae(vae, data, settings, 9, 2, progress));
  EXPECT_EQ(torch::rand({1}).item<double>(), undisturbed);
}

TEST(VaeTraining, ANanBoundIsAnErrorAndNamesTheEpoch) {
  const Dataset data = testing::banded_images({1, 8, 8}, 2, 40, 1);
  Vae vae = must_make({1, 8, 8});
  {
    const torch::NoGradGuard no_gradient;
    at::Tensor weight = vae.weights()[0];
    weight.fill_(std::nan(""));
  }
  NoProgress progress;
  const auto log = train_vae(vae, data, {}, 1, 1, progress);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::internal);
  EXPECT_NE(log.error().message.find("epoch 1"), std::string::npos) << log.error().message;
}

TEST(VaeTraining, RefusesSettingsThatCannotBeFollowed) {
  const Dataset data = testing::banded_images({1, 8, 8}, 2, 10, 1);
  Vae vae = must_make({1, 8, 8});
  NoProgress progress;
  const auto code = [&](auto change) {
    GeneratorSettings settings;
    change(settings);
    return train_vae(vae, data, settings, 1, 1, progress).error().code;
  };
  EXPECT_EQ(code([](auto& s) { s.epochs = -1; }), ErrorCode::invalid_input);
  EXPECT_EQ(code([](auto& s) { s.batch = 0; }), ErrorCode::invalid_input);
  EXPECT_EQ(code([](auto& s) { s.learning_rate = 0; }), ErrorCode::invalid_input);
  EXPECT_EQ(code([](auto& s) { s.beta = std::nan(""); }), ErrorCode::invalid_input);
  Vae other = must_make({1, 9, 9});
  EXPECT_EQ(train_vae(other, data, {}, 1, 1, progress).error().code, ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
