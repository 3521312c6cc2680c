// Proof that composed answers are the product's own: for an honest and for a planted model, `compose` against
// evaluate_probes. Slow (runs models); `gate-bench verify`.
#pragma once
#include "tests/bench/gate/pairs.h"

namespace defuse::bench {

// `internal` naming the first field that differs.
Result<void> verify(Bench& bench);

}  // namespace defuse::bench
