#include "core/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "tests/support/memory_dataset.h"

namespace defuse {
namespace {

using testing::dataset_from_memory;

std::vector<std::uint8_t> ramp(std::size_t count) {
  std::vector<std::uint8_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::uint8_t>(i * 7);
  return values;
}

TEST(Dataset, AnyBatchingReadsTheSameNumbers) {
  const auto data = dataset_from_memory({3, 5, 7}, ramp(3 * 5 * 7 * 11), std::vector<std::int32_t>(11, 0));
  ASSERT_TRUE(data) << data.error().describe();
  const std::size_t width = 3 * 5 * 7;
  std::vector<float> all(11 * width);
  data->read(0, 11, all);
  for (std::size_t batch = 1; batch <= 11; ++batch) {
    std::vector<float> pieces(11 * width);
    for (std::size_t first = 0; first < 11; first += batch) {
      const auto count = std::min(batch, 11 - first);
      data->read(first, count, std::span(pieces).subspan(first * width, count * width));
    }
    EXPECT_EQ(pieces, all) << batch;
  }
}

TEST(Dataset, ReadsFromManyThreadsAtOnce) {
  const auto data = dataset_from_memory({1, 16, 16}, ramp(256 * 64), std::vector<std::int32_t>(64, 0));
  ASSERT_TRUE(data);
  std::vector<float> expected(256 * 64);
  data->read(0, 64, expected);
  std::vector<std::vector<float>> answers(4, std::vector<float>(256 * 64));
  {
    std::vector<std::jthread> threads;
    for (auto& answer : answers)
      threads.emplace_back([&] {
        for (std::size_t i = 0; i < 64; ++i) data->read(i, 1, std::span(answer).subspan(i * 256, 256));
      });
  }
  for (const auto& answer : answers) EXPECT_EQ(answer, expected);
}

TEST(Dataset, SurvivesBeingMoved) {
  auto made = dataset_from_memory({1, 1, 2}, std::vector<float>{0.5F, 1}, {3});
  ASSERT_TRUE(made);
  const auto digest = made->digest();
  const Dataset moved = std::move(*made);
  std::vector<float> out(2);
  moved.read(0, 1, out);
  EXPECT_EQ(out, (std::vector<float>{0.5F, 1}));
  EXPECT_EQ(moved.digest(), digest);
  EXPECT_EQ(moved.labels()[0], 3);
}

TEST(Dataset, ContentHashesOfSimilarImagesSpreadEvenly) {
  // 4,096 images that differ in one pixel pair; the lowest bit must split them near the middle (binomial, 5 sigma).
  std::vector<std::uint8_t> pixels(4096 * 9);
  for (std::size_t i = 0; i < 4096; ++i) {
    pixels[i * 9] = static_cast<std::uint8_t>(i & 63);
    pixels[i * 9 + 8] = static_cast<std::uint8_t>(i >> 6);  // the odd ninth byte counts as well
  }
  const auto data = dataset_from_memory({1, 3, 3}, std::move(pixels), std::vector<std::int32_t>(4096, 0));
  ASSERT_TRUE(data);
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < 4096; ++i) hashes.push_back(data->content_hash(i));
  const auto odd = std::count_if(hashes.begin(), hashes.end(), [](std::uint64_t h) { return h % 2 == 1; });
  EXPECT_NEAR(static_cast<double>(odd), 2048, 160);
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

TEST(Dataset, RefusesWhatCannotBeAnImageSet) {
  const auto message = [](Result<Dataset> data) { return data ? "opened" : data.error().message; };
  EXPECT_EQ(message(dataset_from_memory({1, 0, 2}, std::vector<float>{}, {})),
            "input shape [1,0,2] has a side below 1");
  EXPECT_EQ(message(dataset_from_memory({1, 1, 2}, std::vector<float>{}, {})), "memory holds no image");
  EXPECT_EQ(message(dataset_from_memory({1, 1, 2}, std::vector<float>{0}, {0})),
            "memory holds 0 images of shape [1,1,2], but memory holds 1 labels");
  EXPECT_EQ(message(dataset_from_memory({1, 1, 1}, std::vector<float>{0}, {0}, 0)), "input scale must be above 0");
  EXPECT_EQ(message(dataset_from_memory({1, 1, 1}, std::vector<float>{0, NAN}, {0, 0})),
            "memory: image 1 holds NaN at pixel 0");
  EXPECT_EQ(message(dataset_from_memory({1, 1, 1}, std::vector<float>{0}, {65536})),
            "memory: label 65536 of item 0 is outside 0..65535");
}

}  // namespace
}  // namespace defuse
