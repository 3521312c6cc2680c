// Whoever adds a setting must describe it, or say here that it comes from elsewhere.
#include <gtest/gtest.h>

#include "config/fields.h"
#include "config/job_fields.h"
#include "tests/support/described.h"

namespace defuse {
namespace {

using described::fields;
using described::members;

template <class S>
class DescribedSettings : public ::testing::Test {};
using Structs =
    ::testing::Types<InputSettings, IdxSource, FolderSource, NpySource, DataSettings, GeneratorSettings,
                     ContractSettings, AccuracySettings, NegativeFlipSettings, KnownRegionSettings, RegionSettings,
                     SpotlightSettings, EmbeddingSettings, NoiseFloorSettings, WorkerSettings, RegistrySettings,
                     CacheSettings, JobSpec, ArtifactRef, SiblingRef, KnownRegionRef, DataStanding, JudgementHistory>;
TYPED_TEST_SUITE(DescribedSettings, Structs);

TYPED_TEST(DescribedSettings, EveryMember) { EXPECT_EQ(fields<TypeParam>(), members<TypeParam>()); }

TEST(DescribedSettings, EveryMemberButTheNameOfTheLine) {
  EXPECT_EQ(fields<ModelSettings>() + 1, members<ModelSettings>());  // it is the key that the line stands under
}

// With embedding_compatibility, which may only be off and is kept nowhere.
TEST(DescribedSettings, EveryCheck) { EXPECT_EQ(fields<CheckSettings>(), members<CheckSettings>() + 1); }

}  // namespace
}  // namespace defuse
