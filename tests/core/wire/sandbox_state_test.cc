#include "core/wire/sandbox_state.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

TEST(SandboxState, ComesBackFromJson) {
  const SandboxState state{{"rlimits", "seccomp"}, {"landlock (Function not implemented)"}};
  const auto back = sandbox_state_from_json(dump_json(to_json(state)));
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->in_force, state.in_force);
  EXPECT_EQ(back->missing, state.missing);
  EXPECT_EQ(back->describe(), "sandbox: rlimits, seccomp; missing: landlock (Function not implemented)");
}

TEST(SandboxState, WhatIsNoStateIsNeverAWholeSandbox) {
  for (const char* text : {"", "{}", "[]", "null", R"({"in_force":["seccomp"]})", R"({"in_force":[],"missing":{}})",
                           R"({"in_force":[1],"missing":[]})"}) {
    const auto state = sandbox_state_from_json(text);
    ASSERT_FALSE(state) << text;
    EXPECT_EQ(state.error().code, ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace defuse
