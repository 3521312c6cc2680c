// What every check shares: its state from its findings, the preconditions of a comparison, and plain words for numbers.
// Pure functions, thread-safe.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/verdict/check.h"

namespace defuse {

// Fills state and reason: any violation is fail, else any error is error, else any undecided is inconclusive, else
// pass. The reason is the sentence of the gravest finding, or `pass_reason`. A result without findings is an error: a
// check that looked at nothing has not passed.
void conclude(CheckResult& result, const std::string& pass_reason);

// A finished result for the cases in which candidate and incumbent cannot be compared; nullopt if they can. No
// candidate, no images, an incumbent that could not be run or ran on other data: error. No incumbent at all:
// inconclusive, no_incumbent.
std::optional<CheckResult> cannot_compare(const CheckInput& input, const std::string& check, CheckMode mode);

// A result that is one error or one inconclusive finding named "<check>/<what>".
CheckResult stopped(const std::string& check, CheckMode mode, const std::string& what, Decision decision,
                    const std::string& sentence);

// "1.25 %", "0.3 %", "97 %": two decimals, trailing zeros dropped; "n/a" for NaN.
std::string percent(double share);
// The same number in "points", for differences of shares.
std::string points(double difference);
// "1 image", "12 images".
std::string images(std::int64_t count);
// "class 7", or "class 'cat' (3)" where classes have names.
std::string class_words(const CheckInput& input, std::int64_t index);
// "'cat'", or "7" where the class has no name.
std::string class_name(const CheckInput& input, std::int64_t index);

}  // namespace defuse
