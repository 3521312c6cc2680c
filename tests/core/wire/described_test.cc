// Whoever adds a member to a struct that travels must describe it, or say here that it stays behind.
#include "tests/support/described.h"

#include <gtest/gtest.h>

#include "core/repair/repair_fields.h"
#include "core/wire/result_fields.h"

namespace defuse {
namespace {

using described::fields;
using described::members;

template <class S>
class Described : public ::testing::Test {};
using Structs =
    ::testing::Types<Finding, CheckResult, CheckOutcome, Verdict, Waiver, FourCounts, Comparison, ConfusionCell,
                     Confusion, GeneratorHealth, ContractFacts, BothWays, NoiseLimit, SiblingValues, NoiseFloor,
                     RegionScore, RegionMember, RegionSample, RegionNeighbour, RegionNovelty, MapPoint, VersionMap,
                     ArtifactRef, StationTime, WorkerResult, RepairSettings, RegionToRepair, RepairOrder, RegionRate,
                     RepairScore, RepairRun, RepairResult>;
TYPED_TEST_SUITE(Described, Structs);

TYPED_TEST(Described, EveryMember) { EXPECT_EQ(fields<TypeParam>(), members<TypeParam>()); }

// `regression` and `draws` serve the search alone.
TEST(DescribedRegion, EveryMemberButTwo) { EXPECT_EQ(fields<Region>() + 2, members<Region>()); }

}  // namespace
}  // namespace defuse
