// Files of the state folder that no row stands for: a daemon that was killed between writing them and its row, or
// between a row and tidying up after it, leaves them behind. Called once at the start, before anything is judged.
// Touches no store.
#pragma once
#include "daemon/state/judge.h"

namespace defuse {

// Removes reports, frozen images, repairs and leftovers of jobs that nothing refers to. What open jobs have is
// theirs.
void sweep_orphans(const StateFolder& state, const Referenced& referenced);

}  // namespace defuse
